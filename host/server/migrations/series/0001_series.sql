-- A cache: where each series stands. Everything in here can be learnt again.
CREATE TABLE watch (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    model_key TEXT NOT NULL -- digest of detectors, settings and step; blobs of another key mean nothing
) STRICT;

CREATE TABLE series (
    watch  INTEGER NOT NULL REFERENCES watch (id),
    labels TEXT    NOT NULL, -- as JSON, names sorted
    blob   BLOB    NOT NULL,
    PRIMARY KEY (watch, labels)
) STRICT;
