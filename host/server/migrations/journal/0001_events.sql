-- Every event, in the order in which it was decided. Rows are only ever added.
CREATE TABLE event (
    seq       INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL, -- milliseconds since the Unix epoch, as in the body
    kind      TEXT    NOT NULL, -- as in the body
    incident  TEXT,             -- an index for timelines; not part of the chain
    body      TEXT    NOT NULL, -- the event as JSON
    prev_hash BLOB    NOT NULL, -- the hash of the row before, 32 zero bytes in the first
    hash      BLOB    NOT NULL  -- SHA-256 over prev_hash, seq as 8 bytes big-endian, body
) STRICT;

CREATE INDEX event_incident ON event (incident, seq) WHERE incident IS NOT NULL;
