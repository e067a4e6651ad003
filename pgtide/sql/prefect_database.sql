-- database_exists --
-- Tell whether the server has a database of a name.
SELECT EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)
