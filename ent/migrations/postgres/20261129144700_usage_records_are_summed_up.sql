-- atlas:delimiter \n\n\n
-- Adds each record to the sums of its day as it is written: the totals first, and all in one order, so that no two transactions wait
-- for each other. While the sums are filled, nobody can write a record.
CREATE FUNCTION usage_records_are_summed_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO usage_totals AS sums (id, day, slot, requests, tokens)
  SELECT day || '/' || pg_backend_pid() % 16, day, pg_backend_pid() % 16, count(*), sum(prompt_tokens + completion_tokens)::bigint
  FROM added GROUP BY day ORDER BY day COLLATE "C"
  ON CONFLICT (id) DO UPDATE SET requests = sums.requests + excluded.requests, tokens = sums.tokens + excluded.tokens;
  INSERT INTO usage_days AS sums (id, user_id, day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated)
  SELECT user_id || '/' || day || '/' || key || '/' || model, user_id, day, model, key, count(*),
    sum(prompt_tokens)::bigint, sum(completion_tokens)::bigint, sum(duration_ms)::bigint, bool_or(estimated)
  FROM added, coalesce(credential_id, '00000000-0000-0000-0000-000000000000') AS key
  GROUP BY user_id, day, model, key ORDER BY user_id, day COLLATE "C", key, model COLLATE "C"
  ON CONFLICT (id) DO UPDATE SET requests = sums.requests + excluded.requests,
    prompt_tokens = sums.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = sums.completion_tokens + excluded.completion_tokens,
    duration_ms = sums.duration_ms + excluded.duration_ms, estimated = sums.estimated OR excluded.estimated;
  RETURN NULL;
END;
$$;


CREATE TRIGGER usage_records_are_summed_up
  AFTER INSERT ON usage_records REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION usage_records_are_summed_up();


INSERT INTO usage_days (id, user_id, day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated)
SELECT user_id || '/' || day || '/' || key || '/' || model, user_id, day, model, key, count(*),
  sum(prompt_tokens)::bigint, sum(completion_tokens)::bigint, sum(duration_ms)::bigint, bool_or(estimated)
FROM usage_records, coalesce(credential_id, '00000000-0000-0000-0000-000000000000') AS key
GROUP BY user_id, day, model, key;


INSERT INTO usage_totals (id, day, slot, requests, tokens)
SELECT day || '/0', day, 0, count(*), sum(prompt_tokens + completion_tokens)::bigint FROM usage_records GROUP BY day;
