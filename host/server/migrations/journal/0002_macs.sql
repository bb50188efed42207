-- Who can write this file can compute a chain of hashes as well; without the key in journal.key nobody can compute these.
ALTER TABLE event ADD COLUMN mac BLOB; -- HMAC-SHA-256 over hash and incident; never NULL once the journal has a key

-- What was done to this file besides adding rows.
CREATE TABLE note (
    id   INTEGER PRIMARY KEY,
    seq  INTEGER NOT NULL, -- the last row at that time
    at   INTEGER NOT NULL, -- milliseconds since the Unix epoch
    what TEXT    NOT NULL, -- taken_over: rows up to seq got their MACs only then; accepted: seq was taken for the last row
    mac  BLOB    NOT NULL
) STRICT;
