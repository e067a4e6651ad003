-- Triggers fire in the order of their names: what comes after this one is not seen by it.
CREATE FUNCTION naive_sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.email_verified_v2 := new.email_verified;
    RETURN new;
END $$;
CREATE TRIGGER a_naive_sync BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION naive_sync();
