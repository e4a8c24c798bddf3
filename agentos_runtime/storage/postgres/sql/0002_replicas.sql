-- Who is there. Errors: AG001 = this replica is gone; AG002 = its limits are not those that hold.
-- Locks are taken in this order: 8401 (the limits), 8402 (a replica), the subject '', other subjects by name.

-- Enter as a replica that was never here; its id and the slot that its calls' ids carry.
CREATE FUNCTION enter_v1(called text, program text, skills_digest text) RETURNS TABLE (id bigint, slot smallint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock(8401, 2);
    DELETE FROM replica r WHERE r.gone < moment() - 86400000
        AND NOT EXISTS (SELECT FROM open_call o WHERE o.replica = r.id);
    RETURN QUERY
    INSERT INTO replica AS new (slot, name, version, skills, began, beat)
    SELECT free.slot, called, program, skills_digest, moment(), moment()
    FROM (
        SELECT s::smallint AS slot
        FROM generate_series(0, 127) AS s
        WHERE NOT EXISTS (SELECT FROM replica r WHERE r.slot = s AND r.gone IS NULL)
        ORDER BY (SELECT coalesce(max(r.gone), 0) FROM replica r WHERE r.slot = s), s
        LIMIT 1
    ) AS free
    RETURNING new.id, new.slot;
    IF NOT FOUND THEN
        RAISE EXCEPTION '128 replicas are alive, which is the most' USING ERRCODE = 'AG003';
    END IF;
END $$;

-- Say that the replica lives; nothing when it is gone.
CREATE FUNCTION beat_v1(mine bigint, skills_digest text)
RETURNS TABLE (at bigint, rules bigint, documents bigint, alive bigint)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE replica r SET beat = moment(), skills = skills_digest WHERE r.id = mine AND r.gone IS NULL;
    IF FOUND THEN
        RETURN QUERY SELECT moment(), o.rules, o.documents, (SELECT count(*) FROM replica r WHERE r.gone IS NULL)
            FROM standing_orders o;
    END IF;
END $$;

-- A subject's row, locked, of this moment and counted under the limits that hold.
CREATE FUNCTION locked_subject(called text, version bigint) RETURNS subject LANGUAGE plpgsql AS $$
DECLARE
    s subject;
    now bigint;
    today bigint;
    this_week bigint;
    this_second bigint;
    passed bigint;
BEGIN
    SELECT * INTO s FROM subject WHERE name = called FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO subject VALUES (called, 0, 0, array_fill(0, ARRAY[61]), 0, 0, 0, 0, 0, 0, 0, 0, '{}')
            ON CONFLICT DO NOTHING;
        SELECT * INTO s FROM subject WHERE name = called FOR UPDATE;
    END IF;
    now := moment();  -- after the lock
    today := greatest(now / 86400000, s.day);
    this_week := greatest(week_of(now), s.week);
    this_second := CASE WHEN now / 1000 < s.second - 60 THEN now / 1000 ELSE greatest(now / 1000, s.second) END;
    passed := this_second - s.second;
    IF passed > 60 OR passed < 0 THEN
        s.ring := array_fill(0, ARRAY[61]);
    ELSIF passed > 0 THEN
        FOR each IN s.second + 1 .. this_second LOOP
            s.ring[each % 61 + 1] := 0;
        END LOOP;
    END IF;
    s.second := this_second;
    IF s.day <> today THEN
        s.day := today; s.tokens_day := 0; s.cost_day := 0; s.dearest := '{}';
    END IF;
    IF s.week <> this_week THEN
        s.week := this_week; s.tokens_week := 0; s.cost_week := 0;
    END IF;
    IF s.rules <> version THEN
        s.rules := version;
        SELECT count(*), coalesce(sum(o.reserved), 0) INTO s.running, s.reserved
            FROM open_call o WHERE o.counted AND (called = '' OR o.agent = called);
        SELECT coalesce(sum(e.tokens) FILTER (WHERE e.id >= first_id(today * 86400000)), 0),
                coalesce(sum(e.money) FILTER (WHERE e.id >= first_id(today * 86400000)), 0),
                coalesce(sum(e.tokens), 0), coalesce(sum(e.money), 0)
            INTO s.tokens_day, s.cost_day, s.tokens_week, s.cost_week
            FROM (
                SELECT id, coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens,
                    round(coalesce(cost, 0) * 1e9)::bigint AS money
                FROM ended
                WHERE (called = '' OR agent = called)
                    AND id >= first_id(least(week_begins(this_week), today * 86400000))
            ) AS e;
    END IF;
    RETURN s;
END $$;

CREATE FUNCTION put_subject(s subject) RETURNS void LANGUAGE sql AS $$
    UPDATE subject SET rules = s.rules, second = s.second, ring = s.ring, running = s.running,
        reserved = s.reserved, day = s.day, tokens_day = s.tokens_day, cost_day = s.cost_day, week = s.week,
        tokens_week = s.tokens_week, cost_week = s.cost_week, dearest = s.dearest
    WHERE name = s.name
$$;

-- What holds for an agent: its own limits, or those of all that have none.
CREATE FUNCTION rule_of(called text) RETURNS rule LANGUAGE sql STABLE AS $$
    SELECT * FROM rule WHERE subject IN (called, ' ') ORDER BY subject <> called LIMIT 1
$$;

-- A call's end, counted. at: in the day and week of this moment. slots: how many it gives back, 1 or 0.
CREATE FUNCTION charged(s subject, r rule, at bigint, utility text, slots bigint, reserve bigint,
    tokens bigint, cost bigint)
RETURNS subject LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    s.running := s.running - slots;
    s.reserved := s.reserved - reserve;
    IF at / 86400000 = s.day THEN
        s.tokens_day := s.tokens_day + tokens;
        s.cost_day := s.cost_day + cost;
        IF r.max_cost IS NOT NULL AND cost > r.max_cost THEN
            s.dearest := s.dearest || jsonb_build_object(utility,
                greatest(cost, coalesce((s.dearest ->> utility)::bigint, 0)));
        END IF;
    END IF;
    IF week_of(at) = s.week THEN
        s.tokens_week := s.tokens_week + tokens;
        s.cost_week := s.cost_week + cost;
    END IF;
    RETURN s;
END $$;

-- Replicas without a beat for so long are gone: their calls are interrupted, their slots free, their reserves charged.
-- Gives how many calls were closed; NULL when there is no such replica, or another one is at it.
CREATE FUNCTION reap_v1(after bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    dead bigint;
    version bigint;
    total rule;
    own rule;
    whose text;
    t subject;
    a subject;
    o open_call;
    closed bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    SELECT r.id INTO dead FROM replica r WHERE r.gone IS NULL AND r.beat < moment() - after
        ORDER BY r.id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF dead IS NULL OR NOT pg_try_advisory_xact_lock(8402, (dead % 2147483647)::integer) THEN
        RETURN NULL;
    END IF;
    UPDATE replica SET gone = moment() WHERE id = dead;
    SELECT rules INTO version FROM standing_orders;
    SELECT * INTO total FROM rule WHERE subject = '';
    IF total.counts THEN
        t := locked_subject('', version);
    END IF;
    FOR o IN SELECT * FROM open_call WHERE replica = dead ORDER BY agent LOOP
        IF whose IS DISTINCT FROM o.agent THEN
            IF a.name IS NOT NULL THEN
                PERFORM put_subject(a);
            END IF;
            whose := o.agent;
            a := NULL;
            own := rule_of(o.agent);
            IF own.counts THEN
                a := locked_subject(o.agent, version);
            END IF;
        END IF;
        IF a.name IS NOT NULL THEN
            a := charged(a, own, o.admitted, o.skill || '/' || o.utility, o.counted::integer, o.reserved, 0, o.reserved);
        END IF;
        IF t.name IS NOT NULL THEN
            t := charged(t, total, o.admitted, o.skill || '/' || o.utility, o.counted::integer, o.reserved, 0, o.reserved);
        END IF;
        INSERT INTO ended (id, replica, request_id, agent, skill, utility, outcome, cost, charged)
            VALUES (o.id, o.replica, o.request_id, o.agent, o.skill, o.utility, 'interrupted',
                CASE WHEN o.reserved > 0 THEN o.reserved / 1e9 END, o.reserved)
            ON CONFLICT (id) DO NOTHING;
        closed := closed + 1;
    END LOOP;
    IF a.name IS NOT NULL THEN
        PERFORM put_subject(a);
    END IF;
    IF t.name IS NOT NULL THEN
        PERFORM put_subject(t);
    END IF;
    DELETE FROM open_call WHERE replica = dead;
    RETURN closed;
END $$;

-- A replica that ends in order, with nothing under way.
CREATE FUNCTION leave_v1(mine bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE replica SET gone = moment() WHERE id = mine AND gone IS NULL
        AND NOT EXISTS (SELECT FROM open_call WHERE replica = mine)
$$;
