-- Works with programs from 0004 on.
-- A question that was answered, or is over, is told to the replicas at once: one of them holds its caller.
CREATE FUNCTION tell_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('decided', NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER decided AFTER UPDATE OF state ON entry FOR EACH ROW
    WHEN (OLD.state = 'pending' AND NEW.state <> 'pending') EXECUTE FUNCTION tell_decided();
