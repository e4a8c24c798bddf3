-- Idempotency: who makes a call, and the answer that whoever repeats it is given.

-- Claim a call: 'mine' with a fence; 'replay' with the answer; 'other' when the key belongs to another call;
-- 'wait' while a living replica makes it; 'unknown' when it may have been made and nobody knows how it ended.
-- same: whether it may be made again when nobody knows. Of a replica's own callers one asks at a time, so that what it
-- claimed before is not being made any more.
CREATE FUNCTION claim_v1(mine bigint, called bytea, asked bytea, same boolean, kept_since bigint, silent bigint)
RETURNS TABLE (kind text, fence bigint, body bytea, content_type text, more integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found answer;
    lost boolean;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8402, (mine % 2147483647)::integer);
    IF NOT EXISTS (SELECT FROM replica r WHERE r.id = mine AND r.gone IS NULL) THEN
        RAISE EXCEPTION 'this replica is gone' USING ERRCODE = 'AG001';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(encode(called, 'hex'), 8403));
    SELECT * INTO found FROM answer a WHERE a.id = called;
    lost := found.id IS NOT NULL AND found.body IS NULL AND (found.replica = mine OR NOT EXISTS (
        SELECT FROM replica r WHERE r.id = found.replica AND r.gone IS NULL AND r.beat >= moment() - silent));
    IF found.id IS NOT NULL AND found.at < kept_since AND (found.body IS NOT NULL OR lost) THEN
        DELETE FROM answer a WHERE a.id = called;
        found := NULL;
    END IF;
    IF found.id IS NOT NULL AND found.fingerprint <> asked THEN
        kind := 'other';
    ELSIF found.body IS NOT NULL THEN
        kind := 'replay'; body := found.body; content_type := found.content_type; more := found.more;
    ELSIF found.id IS NULL OR (lost AND same) THEN
        kind := 'mine'; fence := nextval('answer_fence');
        INSERT INTO answer VALUES (called, asked, mine, fence, moment(), NULL, NULL, 0)
            ON CONFLICT (id) DO UPDATE SET replica = excluded.replica, fence = excluded.fence, at = excluded.at;
    ELSE
        kind := CASE WHEN lost THEN 'unknown' ELSE 'wait' END;
    END IF;
    RETURN NEXT;
END $$;

-- Keep the answer of a call, and drop the oldest beyond so many, or so many bytes; false when its fence is old.
CREATE FUNCTION keep_v1(called bytea, old bigint, text bytea, kind text, goes_on integer, entries bigint, size bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    kept boolean;
BEGIN
    UPDATE answer SET body = text, content_type = kind, more = goes_on, at = moment()
        WHERE id = called AND fence = old;
    kept := FOUND;
    DELETE FROM answer WHERE id IN (
        SELECT ranked.id FROM (
            SELECT a.id, row_number() OVER newest AS n, sum(length(a.body)) OVER newest AS held
            FROM answer a WHERE a.body IS NOT NULL WINDOW newest AS (ORDER BY a.at DESC, a.fence DESC)
        ) AS ranked WHERE ranked.n > entries OR ranked.held > size
    );
    RETURN kept;
END $$;

-- A call that was claimed ended without an answer: it is forgotten, or nobody knows whether it was made.
CREATE FUNCTION unclaim_v1(called bytea, old bigint, unknown boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF unknown THEN
        UPDATE answer SET replica = 0, at = moment() WHERE id = called AND fence = old;
    ELSE
        DELETE FROM answer WHERE id = called AND fence = old;
    END IF;
END $$;
