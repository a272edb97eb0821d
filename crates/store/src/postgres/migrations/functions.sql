-- What the triggers of the tables run. The names are those that Kong's migrations look for.

-- Keeps `tags` in step: a row for each entity, tagged or not.
CREATE FUNCTION sync_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM tags WHERE entity_id = OLD.id;
    RETURN OLD;
  END IF;
  INSERT INTO tags (entity_id, entity_name, tags) VALUES (NEW.id, TG_TABLE_NAME, NEW.tags)
    ON CONFLICT (entity_id) DO UPDATE SET entity_name = EXCLUDED.entity_name, tags = EXCLUDED.tags;
  RETURN NEW;
END;
$$;

-- Takes out some rows that have expired, at each insert; the argument names the column that says when.
CREATE FUNCTION batch_delete_expired_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    'DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE %2$I < CURRENT_TIMESTAMP '
    'ORDER BY %2$I LIMIT 100 FOR UPDATE SKIP LOCKED))', TG_TABLE_NAME, TG_ARGV[0]);
  RETURN NULL;
END;
$$;
