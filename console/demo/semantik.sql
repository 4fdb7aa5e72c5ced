-- The chunk store as it is shipped: 100 LIST partitions, and a trigger that computes the key the application sends.
CREATE TABLE users (
    id serial PRIMARY KEY,
    username varchar(255) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chunking_strategies (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL UNIQUE,
    description text,
    version varchar(50) NOT NULL DEFAULT '1.0.0',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    meta jsonb
);

CREATE TABLE chunking_configs (
    id serial PRIMARY KEY,
    strategy_id integer NOT NULL REFERENCES chunking_strategies (id),
    config_hash varchar(64) NOT NULL UNIQUE,
    config_data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    use_count integer NOT NULL DEFAULT 0,
    last_used_at timestamptz
);

CREATE TABLE collections (
    id varchar PRIMARY KEY,
    name varchar NOT NULL UNIQUE,
    description text,
    owner_id integer NOT NULL REFERENCES users (id),
    vector_store_name varchar NOT NULL UNIQUE,
    embedding_model varchar NOT NULL,
    quantization varchar NOT NULL DEFAULT 'float16',
    chunk_size integer NOT NULL DEFAULT 1000,
    chunk_overlap integer NOT NULL DEFAULT 200,
    chunking_strategy varchar,
    chunking_config jsonb,
    is_public boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    meta jsonb,
    status varchar NOT NULL DEFAULT 'pending',
    status_message text,
    qdrant_collections jsonb,
    qdrant_staging jsonb,
    document_count integer NOT NULL DEFAULT 0,
    vector_count integer NOT NULL DEFAULT 0,
    total_size_bytes integer NOT NULL DEFAULT 0,
    chunks_total_count integer NOT NULL DEFAULT 0,
    default_chunking_config_id integer REFERENCES chunking_configs (id),
    chunking_completed_at timestamptz
);

CREATE TABLE documents (
    id varchar PRIMARY KEY,
    collection_id varchar NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    source_id integer,
    file_path varchar NOT NULL,
    file_name varchar NOT NULL,
    file_size integer NOT NULL,
    mime_type varchar,
    content_hash varchar NOT NULL,
    status varchar NOT NULL DEFAULT 'pending',
    error_message text,
    chunk_count integer NOT NULL DEFAULT 0,
    chunks_count integer NOT NULL DEFAULT 0,
    chunking_config_id integer REFERENCES chunking_configs (id),
    chunking_started_at timestamptz,
    chunking_completed_at timestamptz,
    uri varchar,
    source_metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_documents_collection_content UNIQUE (collection_id, content_hash)
);

CREATE TABLE operations (
    id serial PRIMARY KEY,
    uuid varchar NOT NULL UNIQUE,
    collection_id varchar NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    user_id integer NOT NULL REFERENCES users (id),
    type varchar NOT NULL,
    status varchar NOT NULL DEFAULT 'pending',
    task_id varchar,
    config jsonb NOT NULL,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    meta jsonb
);

CREATE TABLE migration_backups (
    id serial PRIMARY KEY,
    backup_table_name varchar NOT NULL,
    original_table_name varchar NOT NULL,
    record_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    migration_revision varchar,
    retention_until timestamptz
);

CREATE TABLE chunks (
    id bigserial,
    collection_id varchar NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    partition_key integer NOT NULL,
    document_id varchar,
    chunking_config_id integer REFERENCES chunking_configs (id),
    chunk_index integer NOT NULL,
    content text NOT NULL,
    start_offset integer,
    end_offset integer,
    token_count integer,
    embedding_vector_id varchar,
    metadata jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
) PARTITION BY LIST (partition_key);

DO $$
BEGIN
    FOR key IN 0..99 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF chunks FOR VALUES IN (%s)', 'chunks_part_' || lpad(key::text, 2, '0'), key);
    END LOOP;
END $$;

CREATE FUNCTION get_partition_key(collection_id varchar) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT abs(hashtext(collection_id)) % 100 $$;

-- A BEFORE trigger may not move a row to another partition: a key that differs is an error, not a correction.
CREATE FUNCTION compute_partition_key() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.partition_key := abs(hashtext(NEW.collection_id)) % 100;
    RETURN NEW;
END $$;

CREATE TRIGGER set_partition_key BEFORE INSERT ON chunks
FOR EACH ROW EXECUTE FUNCTION compute_partition_key();
