-- Works with programs from 0004 on.
-- One at a time over all replicas, by a name: what must not be done by two at once, such as the renewal of a login.
-- A turn ends when its holder ends it, or at `until`: a replica that died holds up nobody for longer.
CREATE TABLE turn (
    name text COLLATE "C" PRIMARY KEY,
    fence bigint NOT NULL,
    until bigint NOT NULL,
    note text NOT NULL
);
CREATE SEQUENCE turn_fence;

-- Take the turn, with the note of the one before; nothing while another has it.
CREATE FUNCTION take_turn_v1(called text, lasts bigint) RETURNS TABLE (fence bigint, note text) LANGUAGE sql AS $$
    INSERT INTO turn AS t (name, fence, until, note) VALUES (called, nextval('turn_fence'), moment() + lasts, '{}')
        ON CONFLICT (name) DO UPDATE SET fence = excluded.fence, until = moment() + lasts WHERE t.until <= moment()
        RETURNING t.fence, t.note
$$;

-- Leave a note, and hold the turn anew; false when it is another's by now.
CREATE FUNCTION leave_note_v1(called text, mine bigint, text text, lasts bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE turn t SET note = text, until = moment() + lasts WHERE t.name = called AND t.fence = mine;
    RETURN FOUND;
END $$;

CREATE FUNCTION end_turn_v1(called text, mine bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE turn t SET until = 0 WHERE t.name = called AND t.fence = mine
$$;
