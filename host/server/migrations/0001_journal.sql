-- The journal: every event once, in order, each bound to the one before it by its hash.
CREATE TABLE event (
    seq       INTEGER PRIMARY KEY,
    -- Milliseconds since the Unix epoch, and the kind of fact: for people with a SQL prompt. The body has both.
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    -- The incident that it is about, where it is about one.
    incident  TEXT,
    -- The event as JSON, exactly as it was hashed.
    body      TEXT    NOT NULL,
    -- SHA-256 over the previous hash, the sequence number and the body, in hexadecimal.
    hash      TEXT    NOT NULL
) STRICT;

CREATE INDEX event_by_incident ON event (incident, seq) WHERE incident IS NOT NULL;
