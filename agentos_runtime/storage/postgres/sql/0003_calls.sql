-- Calls: let in, settled, and said again after a connection was lost. Calls of one agent stand together in the arrays.

CREATE TYPE refused AS (key text, used bigint, most bigint, until bigint);
CREATE TYPE budget AS (key text, used bigint, most bigint, until bigint, money boolean);

CREATE FUNCTION budgets_of(s subject, r rule) RETURNS SETOF budget LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM (VALUES
        ('tokens_per_day', s.tokens_day, r.tokens_per_day, (s.day + 1) * 86400, false),
        ('tokens_per_week', s.tokens_week, r.tokens_per_week, week_begins(s.week + 1) / 1000, false),
        ('cost_per_day', s.cost_day, r.cost_per_day, (s.day + 1) * 86400, true),
        ('cost_per_week', s.cost_week, r.cost_per_week, week_begins(s.week + 1) / 1000, true)
    ) AS b (key, used, most, until, money) WHERE most IS NOT NULL
$$;

-- Whether a subject has room for a call; its key is NULL when it has.
CREATE FUNCTION judged(s subject, r rule, utility text, paid boolean, reserve bigint) RETURNS refused
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    calls bigint := 0;
    dear bigint;
    b budget;
    aside bigint;
BEGIN
    IF r.calls_per_minute IS NOT NULL THEN
        SELECT sum(n) INTO calls FROM unnest(s.ring) AS n;
        IF calls >= r.calls_per_minute THEN
            FOR each IN greatest(s.second - 60, 0) .. s.second LOOP
                calls := calls - s.ring[each % 61 + 1];
                IF calls < r.calls_per_minute THEN
                    RETURN ('calls_per_minute', r.calls_per_minute, r.calls_per_minute, each + 61)::refused;
                END IF;
            END LOOP;
        END IF;
    END IF;
    IF r.concurrent IS NOT NULL AND s.running >= r.concurrent THEN
        RETURN ('concurrent', s.running, r.concurrent, NULL)::refused;
    END IF;
    IF r.max_cost IS NOT NULL AND paid THEN
        dear := (s.dearest ->> utility)::bigint;
        IF dear > r.max_cost THEN
            RETURN ('max_cost', dear, r.max_cost, (s.day + 1) * 86400)::refused;
        END IF;
    END IF;
    IF coalesce(r.tokens_per_day, r.tokens_per_week, r.cost_per_day, r.cost_per_week) IS NULL THEN
        RETURN NULL;
    END IF;
    FOR b IN SELECT * FROM budgets_of(s, r) LOOP
        aside := CASE WHEN b.money THEN reserve ELSE 0 END;
        IF (paid OR NOT b.money) AND (b.used >= b.most OR b.used + aside > b.most) THEN
            RETURN (b.key, b.used, b.most, b.until)::refused;
        END IF;
        IF aside > 0 AND b.used + s.reserved + aside > b.most THEN
            RETURN (b.key, b.used + s.reserved, b.most, NULL)::refused;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- The budgets whose soft line was passed, as [subject, key, used, most, until].
CREATE FUNCTION levels(s subject, r rule, paid boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(s.name, key, used, most, until)), '[]')
    FROM budgets_of(s, r) WHERE used >= r.soft * most AND (paid OR NOT money)
$$;

CREATE FUNCTION entered(s subject, r rule, reserve bigint) RETURNS subject LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF r.calls_per_minute IS NOT NULL THEN
        s.ring[s.second % 61 + 1] := s.ring[s.second % 61 + 1] + 1;
    END IF;
    s.running := s.running + 1;
    s.reserved := s.reserved + reserve;
    RETURN s;
END $$;

-- Let calls in, or say why not: one row each, in their order. key: the limit that was hit, of `subject`; NULL = in.
-- again: whether these were asked for before and the answer was lost; who is in already is not counted twice.
-- counted: whether limits count it; reserved: what was set aside for it; at: the moment it was let in, or refused.
CREATE FUNCTION admit_v1(mine bigint, version bigint, again boolean, ids bigint[], requests text[], agents text[],
    skills text[], utilities text[], paids boolean[])
RETURNS TABLE (key text, subject text, used bigint, most bigint, until bigint, soft jsonb, counted boolean,
    reserved bigint, at bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    total rule;
    own rule;
    whose text;
    t subject;
    a subject;
    no refused;
    named text;
    reserve bigint;
    known open_call;
    n_counted boolean[] := '{}';
    n_reserved bigint[] := '{}';
    n_ids bigint[] := '{}';
    n_at bigint[] := '{}';
    now bigint;
    warnings jsonb;
    is_counted boolean;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    PERFORM pg_advisory_xact_lock_shared(8402, (mine % 2147483647)::integer);
    IF NOT EXISTS (SELECT FROM replica r WHERE r.id = mine AND r.gone IS NULL) THEN
        RAISE EXCEPTION 'this replica is gone' USING ERRCODE = 'AG001';
    END IF;
    IF NOT EXISTS (SELECT FROM standing_orders o WHERE o.rules = version) THEN
        RAISE EXCEPTION 'the limits have changed' USING ERRCODE = 'AG002';
    END IF;
    SELECT r.* INTO total FROM rule r WHERE r.subject = '';
    IF total.counts THEN
        t := locked_subject('', version);
    END IF;
    now := moment();
    FOR i IN 1 .. cardinality(ids) LOOP
        IF whose IS DISTINCT FROM agents[i] THEN
            IF a.name IS NOT NULL THEN
                PERFORM put_subject(a);
            END IF;
            whose := agents[i];
            a := NULL;
            own := rule_of(whose);
            IF own.counts THEN
                a := locked_subject(whose, version);
                now := moment();
            END IF;
        END IF;
        key := NULL; subject := NULL; used := NULL; most := NULL; until := NULL; soft := NULL;
        is_counted := a.name IS NOT NULL OR t.name IS NOT NULL;
        reserve := 0;
        IF again THEN
            SELECT * INTO known FROM open_call o WHERE o.id = ids[i];
            IF known.admitted > 0 THEN
                counted := known.counted; reserved := known.reserved; at := known.admitted;
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;
        IF EXISTS (SELECT FROM ended e WHERE e.id = ids[i]) THEN  -- it left while this was on its way
            counted := false; reserved := 0; at := now;
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF is_counted THEN
            named := skills[i] || '/' || utilities[i];
            IF paids[i] THEN
                reserve := coalesce(CASE WHEN a.name IS NOT NULL THEN own.max_cost END,
                    CASE WHEN t.name IS NOT NULL THEN total.max_cost END, 0);
            END IF;
            IF a.name IS NOT NULL THEN
                no := judged(a, own, named, paids[i], reserve);
                subject := a.name;
            END IF;
            IF no.key IS NULL AND t.name IS NOT NULL THEN
                no := judged(t, total, named, paids[i], reserve);
                subject := '';
            END IF;
            IF no.key IS NOT NULL THEN
                key := no.key; used := no.used; most := no.most; until := no.until;
                counted := true; reserved := reserve; at := now;
                no := NULL;
                RETURN NEXT;
                CONTINUE;
            END IF;
            warnings := '[]';
            IF a.name IS NOT NULL THEN
                warnings := levels(a, own, paids[i]);
                a := entered(a, own, reserve);
            END IF;
            IF t.name IS NOT NULL THEN
                warnings := warnings || levels(t, total, paids[i]);
                t := entered(t, total, reserve);
            END IF;
            IF warnings <> '[]' THEN
                soft := warnings;
            END IF;
        END IF;
        n_ids := n_ids || i::bigint; n_counted := n_counted || is_counted; n_reserved := n_reserved || reserve;
        n_at := n_at || now;
        subject := NULL; counted := is_counted; reserved := reserve; at := now;
        RETURN NEXT;
    END LOOP;
    IF a.name IS NOT NULL THEN
        PERFORM put_subject(a);
    END IF;
    IF t.name IS NOT NULL THEN
        PERFORM put_subject(t);
    END IF;
    INSERT INTO open_call (id, replica, request_id, agent, skill, utility, waiting, counted, admitted, reserved)
        SELECT ids[n.i], mine, requests[n.i], agents[n.i], skills[n.i], utilities[n.i], false, n.c, n.a, n.r
        FROM unnest(n_ids, n_counted, n_at, n_reserved) AS n (i, c, a, r)
        ON CONFLICT (id) DO UPDATE SET waiting = false, counted = excluded.counted, admitted = excluded.admitted,
            reserved = excluded.reserved;
END $$;

-- What a call of the agent would be told now: as admit_v1, and nothing is counted.
CREATE FUNCTION look_v1(agent text, named text, paid boolean)
RETURNS TABLE (key text, subject text, used bigint, most bigint, until bigint, reserved bigint, at bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    version bigint;
    r rule;
    s subject;
    no refused;
    reserve bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    SELECT o.rules INTO version FROM standing_orders o;
    IF paid THEN
        SELECT coalesce((rule_of(look_v1.agent)).max_cost, (SELECT x.max_cost FROM rule x WHERE x.subject = ''), 0)
            INTO reserve;
    END IF;
    FOREACH subject IN ARRAY ARRAY['', look_v1.agent] LOOP
        IF subject = '' THEN
            SELECT x.* INTO r FROM rule x WHERE x.subject = '';
        ELSE
            r := rule_of(look_v1.agent);
        END IF;
        IF r.counts THEN
            s := locked_subject(subject, version);
            PERFORM put_subject(s);
            no := judged(s, r, named, paid, reserve);
            IF no.key IS NOT NULL THEN
                key := no.key; used := no.used; most := no.most; until := no.until;
                reserved := reserve; at := moment();
                RETURN NEXT;
            END IF;
        END IF;
    END LOOP;
END $$;

-- Say that a call waits for a person, or goes on.
CREATE FUNCTION mark_v1(mine bigint, called bigint, request text, who text, skill_id text, named text, waits boolean)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO open_call (id, replica, request_id, agent, skill, utility, waiting, counted, admitted, reserved)
        SELECT called, mine, request, who, skill_id, named, waits, false, 0, 0
        WHERE EXISTS (SELECT FROM replica r WHERE r.id = mine AND r.gone IS NULL)
            AND NOT EXISTS (SELECT FROM ended e WHERE e.id = called)
        ON CONFLICT (id) DO UPDATE SET waiting = excluded.waiting
$$;

-- Calls that this replica holds and a crash of the database may have forgotten: open and counted again, if they are.
CREATE FUNCTION reassert_v1(mine bigint, ids bigint[], requests text[], agents text[], skills text[],
    utilities text[], waitings boolean[], counteds boolean[], admitteds bigint[], reserveds bigint[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
    total rule;
    own rule;
    whose text;
    t subject;
    a subject;
    put bigint;
    done bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    PERFORM pg_advisory_xact_lock_shared(8402, (mine % 2147483647)::integer);
    IF NOT EXISTS (SELECT FROM replica r WHERE r.id = mine AND r.gone IS NULL) THEN
        RAISE EXCEPTION 'this replica is gone' USING ERRCODE = 'AG001';
    END IF;
    SELECT o.rules INTO version FROM standing_orders o;
    SELECT r.* INTO total FROM rule r WHERE r.subject = '';
    IF total.counts THEN
        t := locked_subject('', version);
    END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        IF whose IS DISTINCT FROM agents[i] THEN
            IF a.name IS NOT NULL THEN
                PERFORM put_subject(a);
            END IF;
            whose := agents[i];
            a := NULL;
            own := rule_of(whose);
            IF own.counts THEN
                a := locked_subject(whose, version);
            END IF;
        END IF;
        INSERT INTO open_call (id, replica, request_id, agent, skill, utility, waiting, counted, admitted, reserved)
            SELECT ids[i], mine, requests[i], agents[i], skills[i], utilities[i], waitings[i], counteds[i],
                admitteds[i], reserveds[i]
            WHERE NOT EXISTS (SELECT FROM ended e WHERE e.id = ids[i])
            ON CONFLICT (id) DO NOTHING RETURNING id INTO put;
        IF FOUND THEN
            done := done + 1;
            IF counteds[i] AND a.name IS NOT NULL THEN
                a := said_again(a, own, admitteds[i], reserveds[i]);
            END IF;
            IF counteds[i] AND t.name IS NOT NULL THEN
                t := said_again(t, total, admitteds[i], reserveds[i]);
            END IF;
        END IF;
    END LOOP;
    IF a.name IS NOT NULL THEN
        PERFORM put_subject(a);
    END IF;
    IF t.name IS NOT NULL THEN
        PERFORM put_subject(t);
    END IF;
    RETURN done;
END $$;

-- Calls of this replica that were opened after they had been closed: their askers left while that was on its way.
-- To be called while nothing of the replica is on its way.
CREATE FUNCTION sweep_v1(mine bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
    o open_call;
    swept bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    SELECT x.rules INTO version FROM standing_orders x;
    PERFORM FROM subject x WHERE x.name IN (
        SELECT '' UNION SELECT c.agent FROM open_call c WHERE c.replica = mine
    ) ORDER BY x.name FOR UPDATE;
    FOR o IN
        DELETE FROM open_call c WHERE c.replica = mine AND EXISTS (SELECT FROM ended e WHERE e.id = c.id) RETURNING *
    LOOP
        swept := swept + 1;
        UPDATE subject x SET running = x.running - 1, reserved = x.reserved - o.reserved
            WHERE o.counted AND x.name IN ('', o.agent) AND x.rules = version;
    END LOOP;
    RETURN swept;
END $$;

-- A call that was let in at a moment that is over.
CREATE FUNCTION said_again(s subject, r rule, at bigint, reserve bigint) RETURNS subject
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF r.calls_per_minute IS NOT NULL AND at / 1000 BETWEEN s.second - 60 AND s.second THEN
        s.ring[(at / 1000) % 61 + 1] := s.ring[(at / 1000) % 61 + 1] + 1;
    END IF;
    s.running := s.running + 1;
    s.reserved := s.reserved + reserve;
    RETURN s;
END $$;

-- Close calls: free their slots, charge what they used, write their rows; one transaction for all. An id that is
-- closed changes nothing, unless it was interrupted: then what became of it stands in place of what was assumed.
-- rows: arrays of [id, request_id, agent, skill, utility, outcome, code, status, upstream_status, duration_ms,
-- upstream_ms, model, provider, generation_id, input_tokens, output_tokens, cost, decision, tokens, money, reads].
-- Gives {"uncounted": ids whose numbers another row has told, "spent": budgets that are used up}.
CREATE FUNCTION settle_v1(mine bigint, rows jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
    total rule;
    own rule;
    whose text;
    t subject;
    a subject;
    e ended;
    o open_call;
    before ended;
    each jsonb;
    named text;
    tokens bigint;
    money bigint;
    given bigint;
    at bigint;
    uncounted jsonb := '[]';
    spent jsonb := '[]';
    was jsonb := '[]';
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    SELECT s.rules INTO version FROM standing_orders s;
    SELECT r.* INTO total FROM rule r WHERE r.subject = '';
    IF total.counts THEN
        t := locked_subject('', version);
        was := spent_of(t, total);
    END IF;
    FOR each IN SELECT * FROM jsonb_array_elements(rows) LOOP
        IF whose IS DISTINCT FROM each ->> 2 THEN
            IF a.name IS NOT NULL THEN
                PERFORM put_subject(a);
                spent := spent || spent_of(a, own);
            END IF;
            whose := each ->> 2;
            a := NULL;
            own := rule_of(whose);
            IF own.counts THEN
                a := locked_subject(whose, version);
                was := was || spent_of(a, own);
            END IF;
        END IF;
        e := (each ->> 0, mine, each ->> 1, whose, each ->> 3, each ->> 4, each ->> 5, each ->> 6, each ->> 7, each ->> 8,
            each ->> 9, each ->> 10, each ->> 11, each ->> 12, each ->> 13, each ->> 14, each ->> 15, each ->> 16,
            each ->> 17, NULL)::ended;
        tokens := each ->> 18; money := each ->> 19; given := 0;
        IF (each ->> 20)::boolean AND e.generation_id IS NOT NULL AND EXISTS (
            SELECT FROM ended x WHERE x.generation_id = e.generation_id AND x.skill = e.skill AND x.id <> e.id
                AND (x.cost IS NOT NULL OR x.output_tokens IS NOT NULL)
        ) THEN
            e.cost := NULL; e.input_tokens := NULL; e.output_tokens := NULL; tokens := 0; money := 0;
            uncounted := uncounted || to_jsonb(e.id);
        END IF;
        DELETE FROM open_call c WHERE c.id = e.id RETURNING * INTO o;
        IF NOT FOUND THEN
            o.counted := false; o.reserved := 0; o.admitted := 0;
        END IF;
        at := CASE o.admitted WHEN 0 THEN began_at(e.id) ELSE o.admitted END;
        INSERT INTO ended SELECT e.* ON CONFLICT (id) DO NOTHING;
        IF NOT FOUND THEN
            SELECT * INTO before FROM ended x WHERE x.id = e.id FOR UPDATE;
            IF before.charged IS NULL THEN
                tokens := 0; money := 0;
            ELSE
                given := before.charged;
                DELETE FROM ended x WHERE x.id = e.id;
                INSERT INTO ended SELECT e.*;
            END IF;
        END IF;
        named := e.skill || '/' || e.utility;
        IF a.name IS NOT NULL THEN
            a := charged(a, own, at, named, o.counted::integer, o.reserved, tokens, money - given);
        END IF;
        IF t.name IS NOT NULL THEN
            t := charged(t, total, at, named, o.counted::integer, o.reserved, tokens, money - given);
        END IF;
    END LOOP;
    IF a.name IS NOT NULL THEN
        PERFORM put_subject(a);
        spent := spent || spent_of(a, own);
    END IF;
    IF t.name IS NOT NULL THEN
        PERFORM put_subject(t);
        spent := spent || spent_of(t, total);
    END IF;
    PERFORM pg_notify('spent', s.value::text) FROM jsonb_array_elements(spent) AS s
        WHERE NOT EXISTS (
            SELECT FROM jsonb_array_elements(was) AS w WHERE w.value -> 0 = s.value -> 0 AND w.value -> 1 = s.value -> 1
        );
    RETURN jsonb_build_object('uncounted', uncounted, 'spent', spent);
END $$;

-- The budgets that are used up, as [subject, key, used, most, until].
CREATE FUNCTION spent_of(s subject, r rule) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(s.name, key, used, most, until)), '[]')
    FROM budgets_of(s, r) WHERE used >= most
$$;

-- The limits of a subject and what is used of them, for people: [key, used, most, until].
CREATE FUNCTION uses_v1(called text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
    r rule;
    s subject;
    found jsonb := '[]';
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8401, 1);
    SELECT o.rules INTO version FROM standing_orders o;
    IF called = '' THEN
        SELECT x.* INTO r FROM rule x WHERE x.subject = '';
    ELSE
        r := rule_of(called);
    END IF;
    IF NOT coalesce(r.counts, false) THEN
        RETURN found;
    END IF;
    s := locked_subject(called, version);
    PERFORM put_subject(s);
    IF r.calls_per_minute IS NOT NULL THEN
        found := found || jsonb_build_array(jsonb_build_array('calls_per_minute',
            (SELECT sum(n) FROM unnest(s.ring) AS n), r.calls_per_minute, NULL));
    END IF;
    IF r.concurrent IS NOT NULL THEN
        found := found || jsonb_build_array(jsonb_build_array('concurrent', s.running, r.concurrent, NULL));
    END IF;
    RETURN found || (
        SELECT coalesce(jsonb_agg(jsonb_build_array(key, used, most, until)), '[]') FROM budgets_of(s, r)
    );
END $$;

-- New limits: [[subject, calls_per_minute, concurrent, tokens_per_day, tokens_per_week, cost_per_day,
-- cost_per_week, max_cost, soft, counts], …]. No call is let in or settled while they change.
CREATE FUNCTION set_rules_v1(given jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    version bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(8401, 1);
    DELETE FROM rule;
    INSERT INTO rule SELECT each ->> 0, (each ->> 1)::bigint, (each ->> 2)::bigint, (each ->> 3)::bigint,
        (each ->> 4)::bigint, (each ->> 5)::bigint, (each ->> 6)::bigint, (each ->> 7)::bigint,
        (each ->> 8)::float8, (each ->> 9)::boolean
        FROM jsonb_array_elements(given) AS each;
    UPDATE standing_orders SET rules = rules + 1 RETURNING rules INTO version;
    PERFORM pg_notify('changed', 'rules');
    RETURN version;
END $$;

-- Put a document in place of the one of this version (0 = there is none); its new version, NULL when that was not so.
CREATE FUNCTION put_document_v1(called text, old bigint, text bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    grown bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(8401, 4);
    IF coalesce((SELECT d.version FROM document d WHERE d.name = called), 0) <> old THEN
        RETURN NULL;
    END IF;
    UPDATE standing_orders SET documents = documents + 1 RETURNING documents INTO grown;
    INSERT INTO document VALUES (called, grown, text)
        ON CONFLICT (name) DO UPDATE SET version = excluded.version, data = excluded.data;
    PERFORM pg_notify('changed', called);
    RETURN grown;
END $$;
