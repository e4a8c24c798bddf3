-- Works with programs from 0004 on.
-- Old weeks are dropped as a whole, and a week whose rows came before its partition gets them.

-- Make the partitions of this week and of those ahead; how many there were to make.
CREATE OR REPLACE FUNCTION make_partitions_v1(ahead integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = agentos, pg_temp AS $$
DECLARE
    first bigint := week_of(moment());
    made integer := 0;
    part text;
    low bigint;
    high bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(8401, 3);
    FOR w IN first .. first + ahead LOOP
        part := 'ended_' || to_char(to_timestamp(week_begins(w) / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
        IF to_regclass(part) IS NOT NULL THEN
            CONTINUE;
        END IF;
        low := first_id(week_begins(w));
        high := first_id(week_begins(w + 1));
        IF EXISTS (SELECT FROM ended_rest e WHERE e.id >= low AND e.id < high) THEN
            LOCK TABLE ended, ended_rest IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('CREATE TABLE %I (LIKE ended INCLUDING ALL)', part);
            EXECUTE format('WITH moved AS (DELETE FROM ended_rest WHERE id >= %s AND id < %s RETURNING *)'
                ' INSERT INTO %I SELECT * FROM moved', low, high, part);
            EXECUTE format('ALTER TABLE ended ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', part, low, high);
        ELSE
            EXECUTE format('CREATE TABLE %I PARTITION OF ended FOR VALUES FROM (%s) TO (%s)', part, low, high);
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Drop the oldest week if it ended before a moment: how many rows it had, and how many bytes; nothing when there is
-- none. Nobody else waits for longer than that takes: when others use the table for long, this one gives up (55P03).
CREATE FUNCTION drop_week_v1(before bigint, OUT gone bigint, OUT size bigint) RETURNS SETOF record LANGUAGE plpgsql
SECURITY DEFINER SET search_path = agentos, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
BEGIN
    PERFORM pg_advisory_xact_lock(8401, 3);
    SELECT c.relname INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'ended'::regclass AND c.relname ~ '^ended_[0-9]{8}$'
            AND extract(epoch FROM to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp) * 1000 + 7 * 86400000 <= before
        ORDER BY c.relname LIMIT 1;
    IF part IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM %I', part) INTO gone;
    size := pg_total_relation_size(part::regclass);
    EXECUTE format('ALTER TABLE ended DETACH PARTITION %I', part);
    EXECUTE format('DROP TABLE %I', part);
    RETURN NEXT;
END $$;

-- Drop some rows of calls that began before a moment, out of a week that has not ended by then; how many.
CREATE FUNCTION drop_rows_v1(before bigint, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    dropped bigint;
BEGIN
    DELETE FROM ended WHERE id IN (SELECT e.id FROM ended e WHERE e.id < first_id(before) ORDER BY e.id LIMIT most);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END $$;
