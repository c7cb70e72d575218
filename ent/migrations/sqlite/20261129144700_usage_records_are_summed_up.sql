-- atlas:delimiter \n\n\n
-- Adds each record to the sums of its day as it is written. A migration that rebuilds the table must create the trigger again.
CREATE TRIGGER usage_records_are_summed_up AFTER INSERT ON usage_records
BEGIN
  INSERT INTO usage_days (id, user_id, day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated)
  VALUES (NEW.user_id || '/' || NEW.day || '/' || coalesce(NEW.credential_id, '00000000-0000-0000-0000-000000000000') || '/' || NEW.model,
    NEW.user_id, NEW.day, NEW.model, coalesce(NEW.credential_id, '00000000-0000-0000-0000-000000000000'), 1,
    NEW.prompt_tokens, NEW.completion_tokens, NEW.duration_ms, NEW.estimated)
  ON CONFLICT (id) DO UPDATE SET requests = requests + 1,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens, completion_tokens = completion_tokens + excluded.completion_tokens,
    duration_ms = duration_ms + excluded.duration_ms, estimated = estimated OR excluded.estimated;
  INSERT INTO usage_totals (id, day, slot, requests, tokens)
  VALUES (NEW.day || '/0', NEW.day, 0, 1, NEW.prompt_tokens + NEW.completion_tokens)
  ON CONFLICT (id) DO UPDATE SET requests = requests + 1, tokens = tokens + excluded.tokens;
END;


INSERT INTO usage_days (id, user_id, day, model, credential_id, requests, prompt_tokens, completion_tokens, duration_ms, estimated)
SELECT user_id || '/' || day || '/' || coalesce(credential_id, '00000000-0000-0000-0000-000000000000') || '/' || model,
  user_id, day, model, coalesce(credential_id, '00000000-0000-0000-0000-000000000000'), count(*),
  sum(prompt_tokens), sum(completion_tokens), sum(duration_ms), max(estimated)
FROM usage_records GROUP BY user_id, day, model, coalesce(credential_id, '00000000-0000-0000-0000-000000000000');


INSERT INTO usage_totals (id, day, slot, requests, tokens)
SELECT day || '/0', day, 0, count(*), sum(prompt_tokens + completion_tokens) FROM usage_records GROUP BY day;
