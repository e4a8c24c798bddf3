-- What replicas share. Moments are milliseconds since 1970 of this server's clock, money is whole billionths of a dollar.

-- The clock that windows, beats and retention are counted by.
CREATE FUNCTION moment() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- One row: what every replica looks at each second. rules: which limits hold; documents: grows with each change.
CREATE TABLE standing_orders (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    rules bigint NOT NULL,
    documents bigint NOT NULL
);
INSERT INTO standing_orders (rules, documents) VALUES (1, 1);

-- What is read whole, changed rarely and copied in every replica: agents, approvals, sessions, limits, credentials.
CREATE TABLE document (
    name text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    data bytea NOT NULL
);

CREATE TABLE replica (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 127),
    name text NOT NULL,
    version text NOT NULL,
    skills text NOT NULL DEFAULT '',
    began bigint NOT NULL,
    beat bigint NOT NULL,
    gone bigint
);
CREATE UNIQUE INDEX replica_slot ON replica (slot) WHERE gone IS NULL;

-- The limits as numbers: of an agent by its name, of all together under '', of agents without their own under ' '.
CREATE TABLE rule (
    subject text COLLATE "C" PRIMARY KEY,
    calls_per_minute bigint,
    concurrent bigint,
    tokens_per_day bigint,
    tokens_per_week bigint,
    cost_per_day bigint,
    cost_per_week bigint,
    max_cost bigint,
    soft double precision NOT NULL,
    counts boolean NOT NULL
);

-- What was counted, of an agent or, under '', of all. It holds while `rules` is the version in standing_orders;
-- otherwise it is counted anew. A second's calls stand in ring[second % 61 + 1]: those of the last 60 seconds and
-- of the one that has begun. dearest: what a call of a utility cost today, where that was more than max_cost.
CREATE TABLE subject (
    name text COLLATE "C" PRIMARY KEY,
    rules bigint NOT NULL,
    second bigint NOT NULL,
    ring integer[] NOT NULL,
    running bigint NOT NULL,
    reserved bigint NOT NULL,
    day bigint NOT NULL,
    tokens_day bigint NOT NULL,
    cost_day bigint NOT NULL,
    week bigint NOT NULL,
    tokens_week bigint NOT NULL,
    cost_week bigint NOT NULL,
    dearest jsonb NOT NULL
) WITH (fillfactor = 20);

-- Calls under way. An id says when its call began: its upper bits are milliseconds since 2026. counted: whether limits
-- let it in, at the moment `admitted`, whose day and week it is charged to; 0 before it was let in.
CREATE TABLE open_call (
    id bigint PRIMARY KEY,
    replica bigint NOT NULL,
    request_id text NOT NULL,
    agent text COLLATE "C" NOT NULL,
    skill text NOT NULL,
    utility text NOT NULL,
    waiting boolean NOT NULL,
    counted boolean NOT NULL,
    admitted bigint NOT NULL,
    reserved bigint NOT NULL
);
CREATE INDEX open_call_replica ON open_call (replica);

CREATE FUNCTION began_at(id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (id >> 12) + 1767225600000 $$;

CREATE FUNCTION first_id(at bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT greatest(at - 1767225600000, 0) << 12 $$;

-- Calls that have ended, by weeks. charged: what an interrupted call was charged, since nobody knew its cost.
CREATE TABLE ended (
    id bigint NOT NULL PRIMARY KEY,
    replica bigint NOT NULL,
    request_id text NOT NULL,
    agent text COLLATE "C" NOT NULL,
    skill text NOT NULL,
    utility text NOT NULL,
    outcome text NOT NULL,
    code text,
    status integer,
    upstream_status bigint,
    duration_ms double precision,
    upstream_ms double precision,
    model text,
    provider text,
    generation_id text,
    input_tokens bigint,
    output_tokens bigint,
    cost double precision,
    decision text,
    charged bigint
) PARTITION BY RANGE (id);
CREATE INDEX ended_agent ON ended (agent, id DESC);
CREATE INDEX ended_generation ON ended (generation_id) WHERE generation_id IS NOT NULL;
CREATE TABLE ended_rest PARTITION OF ended DEFAULT;

-- The week of budgets: they begin on Mondays. Week 0 began on 1970-01-05.
CREATE FUNCTION week_of(at bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (at / 86400000 - 4) / 7 $$;

CREATE FUNCTION week_begins(week bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (week * 7 + 4) * 86400000 $$;

-- Make the partitions of this week and of those ahead; how many there were to make.
CREATE FUNCTION make_partitions_v1(ahead integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = agentos, pg_temp AS $$
DECLARE
    first bigint := week_of(moment());
    made integer := 0;
    part text;
BEGIN
    PERFORM pg_advisory_xact_lock(8401, 3);
    FOR w IN first .. first + ahead LOOP
        part := 'ended_' || to_char(to_timestamp(week_begins(w) / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
        IF to_regclass(part) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF ended FOR VALUES FROM (%s) TO (%s)',
                part, first_id(week_begins(w)), first_id(week_begins(w + 1)));
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

CREATE VIEW activity AS
SELECT id, request_id, began_at(id) AS started_at, agent, skill, utility, outcome, code, status, upstream_status,
    duration_ms, upstream_ms, model, provider, generation_id, input_tokens, output_tokens, cost, decision
FROM ended
UNION ALL
SELECT id, request_id, began_at(id), agent, skill, utility, CASE WHEN waiting THEN 'waiting' ELSE 'started' END,
    NULL::text, NULL::integer, NULL::bigint, NULL::float8, NULL::float8, NULL::text, NULL::text, NULL::text,
    NULL::bigint, NULL::bigint, NULL::float8, NULL::text
FROM open_call;

-- Answers that may be given again. replica: who makes the call; 0 when nobody knows what became of it.
CREATE TABLE answer (
    id bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    replica bigint NOT NULL,
    fence bigint NOT NULL,
    at bigint NOT NULL,
    body bytea,
    content_type text,
    more integer NOT NULL
);
CREATE INDEX answer_at ON answer (at);
CREATE SEQUENCE answer_fence;

-- What waits for a person's yes, as in waiting.db.
CREATE TABLE entry (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    identity bytea NOT NULL,
    conditions bytea NOT NULL,
    agent text NOT NULL,
    skill text NOT NULL,
    utility text NOT NULL,
    state text NOT NULL,
    console_only boolean NOT NULL,
    asked_at double precision NOT NULL,
    until double precision NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    told bigint NOT NULL DEFAULT 0,
    decided_at double precision,
    decided_by text,
    via text,
    reason text,
    ended_at double precision,
    shown text
);
CREATE INDEX entry_identity ON entry (identity);
CREATE INDEX entry_open ON entry (state) WHERE state IN ('pending', 'approved');
CREATE TABLE standing (
    id text PRIMARY KEY,
    agent text NOT NULL,
    skill text NOT NULL,
    utility text NOT NULL,
    conditions bytea NOT NULL,
    given_at double precision NOT NULL,
    until double precision NOT NULL,
    given_by text NOT NULL,
    via text NOT NULL
);
