-- The state of one daemon. Instants are whole milliseconds since the epoch, UTC. JSON is canonical: sorted keys, no spaces.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The engine's alerts as they were at their last transition (design S8). `state` is AlertState.to_json().
CREATE TABLE alerts (
    rule       TEXT NOT NULL,
    labels     TEXT NOT NULL CHECK (json_valid(labels)),
    state      TEXT NOT NULL CHECK (json_valid(state)),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (rule, labels)
) STRICT, WITHOUT ROWID;

-- What the sources brought, for the windows after a restart (S8); daemon/history.py knows the form of `data`.
-- Series are numbered anew in each epoch, so that a whole dictionary goes when the last batch that needs it does.
-- `moved_ms` is how far the system's clock has been set since: it belongs to every instant inside `data`.
CREATE TABLE sample_log (
    id       INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    moved_ms INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL,
    data     BLOB NOT NULL
) STRICT;
CREATE INDEX sample_log_by_time ON sample_log (at);
CREATE INDEX sample_log_epoch ON sample_log (epoch);

CREATE TABLE series (
    epoch  INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY (epoch, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    playbook        TEXT NOT NULL,
    group_key       TEXT NOT NULL CHECK (json_valid(group_key)),
    environment     TEXT NOT NULL,
    severity        TEXT NOT NULL CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    title           TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'triggered'
                    CHECK (state IN ('triggered', 'acknowledged', 'resolved', 'closed')),
    escalation      TEXT,
    began_at        INTEGER NOT NULL,
    opened_at       INTEGER NOT NULL CHECK (opened_at >= began_at),
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    assessed_at     INTEGER,
    decided_at      INTEGER,
    decided_by      TEXT,
    verified_at     INTEGER,
    first_update_at INTEGER,
    recovered_at    INTEGER,
    quiet_since     INTEGER,
    resolved_at     INTEGER,
    resolved_by     TEXT,
    resolution      TEXT,
    closed_at       INTEGER,
    reopened        INTEGER NOT NULL DEFAULT 0,
    reopened_at     INTEGER,
    -- What the clocks leave out: the times between a resolution and a reopening, as [[from, to], …], and for how long
    -- the service had recovered in between, in milliseconds.
    pauses          TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(pauses)),
    recovered_ms    INTEGER NOT NULL DEFAULT 0 CHECK (recovered_ms >= 0),
    assessment      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(assessment)),
    decision        TEXT,
    config_digest   TEXT NOT NULL DEFAULT '',
    observe         INTEGER NOT NULL DEFAULT 0 CHECK (observe IN (0, 1))
) STRICT;
-- A7: one open incident for each playbook and group.
CREATE UNIQUE INDEX incidents_one_open ON incidents (playbook, group_key) WHERE state IN ('triggered', 'acknowledged');
CREATE INDEX incidents_by_group ON incidents (playbook, group_key, id);
CREATE INDEX incidents_by_state ON incidents (state, id);

-- The alerts of an incident. `event` alerts do not end by themselves (S11).
CREATE TABLE incident_alerts (
    incident      INTEGER NOT NULL REFERENCES incidents (id),
    rule          TEXT NOT NULL,
    labels        TEXT NOT NULL CHECK (json_valid(labels)),
    state         TEXT NOT NULL CHECK (state IN ('inactive', 'pending', 'firing')),
    severity      TEXT NOT NULL CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    event         INTEGER NOT NULL DEFAULT 0 CHECK (event IN (0, 1)),
    active_at     INTEGER NOT NULL,
    firing_at     INTEGER NOT NULL,
    resolved_at   INTEGER,
    unknown_since INTEGER,
    fired         INTEGER NOT NULL DEFAULT 1,
    value         REAL,
    reason        TEXT NOT NULL DEFAULT '',
    text          TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (incident, rule, labels)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_alerts_by_rule ON incident_alerts (rule, labels, incident);
-- Whether an incident is calm is asked at each transition: it must not depend on how many alerts it has.
CREATE INDEX incident_alerts_astir ON incident_alerts (incident, state, event) WHERE state <> 'inactive';
CREATE INDEX incident_alerts_unknown ON incident_alerts (incident) WHERE unknown_since IS NOT NULL;
CREATE INDEX incident_alerts_event ON incident_alerts (incident) WHERE event = 1;

-- Timeline and audit in one. Each row's hash covers the row and the hash before it (daemon/audit.py). Events stay when
-- their incident has passed its retention: a chain has no holes.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    incident  INTEGER,
    actor     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    data      TEXT NOT NULL CHECK (json_valid(data)),
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_incident ON events (incident, id) WHERE incident IS NOT NULL;
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
-- INSERT OR REPLACE would remove a row without the trigger above: an id is never used again.
CREATE TRIGGER events_only_grow BEFORE INSERT ON events
WHEN NEW.id <= coalesce((SELECT max(id) FROM events), 0)
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TABLE checklist_answers (
    incident INTEGER NOT NULL REFERENCES incidents (id),
    item     TEXT NOT NULL,
    answer   TEXT NOT NULL,
    by       TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (incident, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_marks (
    incident INTEGER NOT NULL REFERENCES incidents (id),
    budget   TEXT NOT NULL CHECK (budget IN ('identify', 'decide', 'execute', 'first_update', 'downtime')),
    mark     TEXT NOT NULL CHECK (mark IN ('warned', 'passed')),
    at       INTEGER NOT NULL,
    PRIMARY KEY (incident, budget, mark)
) STRICT, WITHOUT ROWID;

-- Where the paging of an incident stands.
CREATE TABLE escalations (
    incident INTEGER PRIMARY KEY REFERENCES incidents (id),
    policy   TEXT,
    step     INTEGER NOT NULL DEFAULT 0,
    cycle    INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER,
    state    TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopped', 'exhausted')),
    reason   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX escalations_due ON escalations (next_at) WHERE state = 'running';

CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    key             TEXT NOT NULL,
    receiver        TEXT NOT NULL,
    address         TEXT NOT NULL DEFAULT '',
    incident        INTEGER,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL CHECK (json_valid(payload)),
    state           TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delivered', 'failed', 'cancelled')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    last_error      TEXT NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    delivered_at    INTEGER,
    delivery_id     TEXT NOT NULL DEFAULT '',
    UNIQUE (key, receiver, address)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_by_incident ON outbox (incident, id) WHERE incident IS NOT NULL;

-- API tokens: only their hash is kept.
CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    person       TEXT,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'responder', 'approver', 'admin')),
    hash         TEXT NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;
