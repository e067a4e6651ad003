-- UPDATE OF looks at the statement's list of columns, not at what other triggers change.
CREATE FUNCTION naive_sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.email_verified_v2 := new.email_verified;
    RETURN new;
END $$;
CREATE TRIGGER zzz_naive_sync BEFORE INSERT OR UPDATE OF email_verified ON users
    FOR EACH ROW EXECUTE FUNCTION naive_sync();
