-- The walk by key: a slice may be a range of a unique key's values, above one and up to another, null being open. Then
-- first_block, end_block and cursor count keys from the slice's start, and end_block is what was counted when it was
-- cut. Values are as the server writes them; it alone compares them.
ALTER TABLE pgtide.slice
    ADD COLUMN key_columns text[],
    ADD COLUMN key_after text[],
    ADD COLUMN key_upto text[],
    -- The last key that is done; null: none is.
    ADD COLUMN key_at text[],
    ADD CONSTRAINT key_values_of_a_key CHECK (key_columns IS NOT NULL
        OR (key_after IS NULL AND key_upto IS NULL AND key_at IS NULL)),
    ADD CONSTRAINT keys_are_counted CHECK (key_columns IS NULL OR (first_block = 0 AND end_block IS NOT NULL));
