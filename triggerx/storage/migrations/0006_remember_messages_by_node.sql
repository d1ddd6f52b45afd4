-- Several processes may share this database, and each hears an announcement itself: what one saw is new to the others.
-- What was seen before is forgotten: every reader bears to hear a valid announcement again, as after a restart.
DROP TABLE messages_seen;

CREATE TABLE messages_seen (
    node TEXT NOT NULL,
    sender {bytes} NOT NULL,
    nonce {bytes} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (node, sender, nonce)
);

CREATE INDEX messages_seen_by_expiry ON messages_seen (expires_at);
