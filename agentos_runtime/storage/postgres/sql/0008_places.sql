-- Works with programs from 0004 on.
-- An answer that is given again says where its list goes on.

ALTER TABLE answer ADD COLUMN place text;

-- As claim_v1, with the place.
CREATE FUNCTION claim_v2(mine bigint, called bytea, asked bytea, same boolean, kept_since bigint, silent bigint)
RETURNS TABLE (kind text, fence bigint, body bytea, content_type text, more integer, place text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    SELECT c.kind, c.fence, c.body, c.content_type, c.more INTO kind, fence, body, content_type, more
        FROM claim_v1(mine, called, asked, same, kept_since, silent) AS c;
    IF kind = 'replay' THEN
        SELECT a.place INTO place FROM answer a WHERE a.id = called;
    END IF;
    RETURN NEXT;
END $$;

-- As keep_v1, with the place.
CREATE FUNCTION keep_v2(
    called bytea, old bigint, text bytea, kind text, goes_on integer, entries bigint, size bigint, position_after text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    kept boolean := keep_v1(called, old, text, kind, goes_on, entries, size);
BEGIN
    UPDATE answer SET place = position_after WHERE id = called AND fence = old;
    RETURN kept;
END $$;
