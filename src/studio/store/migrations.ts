/**
 * The studio's schema, version by version. Times are milliseconds since 1970 (UTC); JSON columns say so in their name
 * or comment. A released version is never edited: a change is a new one, and `migrate.test.ts` walks from each.
 */

import type { Migration } from './migrate.ts';

export const migrations: readonly Migration[] = [
  {
    version: 1,
    about: 'jobs, settings, users',
    sql: `
      CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL -- JSON
      ) STRICT;

      CREATE TABLE users (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
        password TEXT, -- scrypt parameters, salt and key; NULL: no password login
        created_at INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE tokens (
        digest TEXT PRIMARY KEY, -- sha256 of the token, hex
        user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE ON UPDATE CASCADE,
        label TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER
      ) STRICT;

      CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        batch TEXT,
        label TEXT,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
        priority INTEGER NOT NULL,
        position REAL NOT NULL,
        request TEXT NOT NULL, -- JSON, without pictures
        inputs TEXT NOT NULL, -- JSON: role -> file in the data folder
        total INTEGER NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        interruptions INTEGER NOT NULL DEFAULT 0,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        warnings TEXT NOT NULL DEFAULT '[]', -- JSON
        error_code TEXT,
        error_message TEXT,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER
      ) STRICT;
      CREATE INDEX jobs_next ON jobs (state, priority, user, position);
      CREATE INDEX jobs_by_position ON jobs (position);

      -- Whose turn it is: the user with the lowest number is served next within a priority.
      CREATE TABLE turns (
        user TEXT PRIMARY KEY,
        turn INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    version: 2,
    about: 'gallery: images, tags, boards, full-text search, trash',
    sql: `
      CREATE TABLE images (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        job TEXT, -- may outlive its job
        job_index INTEGER,
        path TEXT NOT NULL UNIQUE, -- below outputs, with forward slashes
        format TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        negative_prompt TEXT NOT NULL,
        model TEXT,
        model_hash TEXT,
        sampler TEXT,
        scheduler TEXT,
        steps INTEGER,
        cfg_scale REAL,
        seed INTEGER,
        infotext TEXT NOT NULL,
        rating INTEGER NOT NULL DEFAULT 0 CHECK (rating BETWEEN 0 AND 5),
        trashed_at INTEGER,
        UNIQUE (job, job_index)
      ) STRICT;
      CREATE INDEX images_recent ON images (trashed_at, created_at, id);
      CREATE INDEX images_by_user ON images (user, created_at);

      CREATE TABLE image_tags (
        image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        tag TEXT NOT NULL COLLATE NOCASE,
        PRIMARY KEY (image, tag)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX image_tags_by_tag ON image_tags (tag, image);

      CREATE TABLE boards (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        UNIQUE (user, name)
      ) STRICT;

      CREATE TABLE board_images (
        board TEXT NOT NULL REFERENCES boards (id) ON DELETE CASCADE,
        image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        added_at INTEGER NOT NULL,
        PRIMARY KEY (board, image)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX board_images_by_image ON board_images (image);

      CREATE VIRTUAL TABLE images_text USING fts5(
        prompt, negative_prompt, content = 'images', content_rowid = 'rowid', tokenize = 'unicode61'
      );
      CREATE TRIGGER images_text_insert AFTER INSERT ON images BEGIN
        INSERT INTO images_text (rowid, prompt, negative_prompt)
        VALUES (new.rowid, new.prompt, new.negative_prompt);
      END;
      CREATE TRIGGER images_text_delete AFTER DELETE ON images BEGIN
        INSERT INTO images_text (images_text, rowid, prompt, negative_prompt)
        VALUES ('delete', old.rowid, old.prompt, old.negative_prompt);
      END;
      CREATE TRIGGER images_text_update AFTER UPDATE OF prompt, negative_prompt ON images BEGIN
        INSERT INTO images_text (images_text, rowid, prompt, negative_prompt)
        VALUES ('delete', old.rowid, old.prompt, old.negative_prompt);
        INSERT INTO images_text (rowid, prompt, negative_prompt)
        VALUES (new.rowid, new.prompt, new.negative_prompt);
      END;
    `,
  },
  {
    version: 3,
    about: 'model library and downloads',
    sql: `
      CREATE TABLE models (
        id TEXT PRIMARY KEY,
        path TEXT NOT NULL UNIQUE, -- absolute
        root TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL, -- below its kind's folder, forward slashes, without extension
        bytes INTEGER NOT NULL,
        modified_at INTEGER NOT NULL,
        description TEXT NOT NULL, -- JSON: what the header says
        sha256 TEXT,
        autov3 TEXT,
        legacy_hash TEXT,
        hash_error TEXT,
        missing_at INTEGER,
        added_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX models_by_kind ON models (kind, name);
      CREATE INDEX models_by_hash ON models (sha256);

      -- What the user wrote about a model.
      CREATE TABLE model_cards (
        model TEXT PRIMARY KEY REFERENCES models (id) ON DELETE CASCADE,
        card TEXT NOT NULL -- JSON
      ) STRICT;

      CREATE TABLE pulls (
        id TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
        options TEXT NOT NULL, -- JSON
        files TEXT NOT NULL DEFAULT '[]', -- JSON: plan and progress
        error_code TEXT,
        error_message TEXT,
        created_at INTEGER NOT NULL,
        finished_at INTEGER
      ) STRICT;
    `,
  },
  {
    version: 4,
    about: 'titles of downloads',
    // What the source calls it.
    sql: 'ALTER TABLE pulls ADD COLUMN title TEXT',
  },
  {
    version: 5,
    about: 'pictures whose files are away',
    // Milliseconds since 1970; NULL: its file is there.
    sql: 'ALTER TABLE images ADD COLUMN away_at INTEGER',
  },
  {
    version: 6,
    about: 'one queue for all kinds of work',
    sql: `
      CREATE TABLE all_jobs (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        user TEXT NOT NULL,
        batch TEXT,
        label TEXT,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
        priority INTEGER NOT NULL,
        position REAL NOT NULL,
        request TEXT NOT NULL, -- JSON, by kind, without pictures
        inputs TEXT NOT NULL, -- JSON: roles of the pictures that it starts from, files <id>-<role>.png
        total INTEGER NOT NULL,
        delivered INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        interruptions INTEGER NOT NULL,
        stop TEXT CHECK (stop IN ('pause', 'cancel', 'kill')), -- how it was asked to end while it runs
        warnings TEXT NOT NULL, -- JSON
        result TEXT, -- JSON, by kind
        error TEXT, -- JSON: code, message
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER
      ) STRICT;
      INSERT INTO all_jobs
        SELECT id, 'picture', user, batch, label, state, priority, position, request,
          (SELECT json_group_array(key) FROM json_each(inputs)), total, delivered, attempts, interruptions,
          CASE cancel_requested WHEN 0 THEN NULL WHEN 2 THEN 'kill' ELSE 'cancel' END, warnings, NULL,
          CASE WHEN error_code IS NULL THEN NULL
            ELSE json_object('code', error_code, 'message', coalesce(error_message, '')) END,
          created_at, started_at, finished_at
        FROM jobs;
      INSERT INTO all_jobs
        SELECT id, 'pull', 'local', NULL, title, state, 0, (SELECT coalesce(max(position), 0) FROM jobs) + pulls.rowid,
          json_set(options, '$.source', source), '[]',
          (SELECT coalesce(sum(json_extract(value, '$.total')), 0) FROM json_each(files)),
          (SELECT coalesce(sum(json_extract(value, '$.done')), 0) FROM json_each(files)), 1, 0, NULL, '[]',
          json_object('title', coalesce(title, source), 'files', json(files)),
          CASE WHEN error_code IS NULL THEN NULL
            ELSE json_object('code', error_code, 'message', coalesce(error_message, '')) END,
          created_at, NULL, finished_at
        FROM pulls;
      DROP TABLE jobs;
      DROP TABLE pulls;
      ALTER TABLE all_jobs RENAME TO jobs;
      CREATE INDEX jobs_next ON jobs (kind, state, priority, user, position);
      CREATE INDEX jobs_by_position ON jobs (position);

      -- Whose turn it is: the user with the lowest number is served next within a kind and priority.
      CREATE TABLE all_turns (
        kind TEXT NOT NULL,
        user TEXT NOT NULL,
        turn INTEGER NOT NULL,
        PRIMARY KEY (kind, user)
      ) STRICT;
      INSERT INTO all_turns SELECT 'picture', user, turn FROM turns;
      DROP TABLE turns;
      ALTER TABLE all_turns RENAME TO turns;
    `,
  },
  {
    version: 7,
    about: 'the gallery counted and walked by its index alone',
    sql: `
      DROP INDEX images_recent;
      CREATE INDEX images_recent ON images (trashed_at, away_at, created_at, id);
    `,
  },
];
