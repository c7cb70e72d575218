-- Drop index "auditentry_event_type_occurred_at_id" from table: "audit_entries"
DROP INDEX "auditentry_event_type_occurred_at_id";
-- Create index "auditentry_event_type_outcome_occurred_at_id" to table: "audit_entries"
CREATE INDEX "auditentry_event_type_outcome_occurred_at_id" ON "audit_entries" ("event_type", "outcome", "occurred_at", "id");
-- Create index "credential_expires_at" to table: "credentials"
CREATE INDEX "credential_expires_at" ON "credentials" ("expires_at");
-- Create index "userrole_role_id_user_id" to table: "user_roles"
CREATE INDEX "userrole_role_id_user_id" ON "user_roles" ("role_id", "user_id");
-- Create index "user_active_created_at_id" to table: "users"
CREATE INDEX "user_active_created_at_id" ON "users" ("active", "created_at", "id");
-- Create "usage_days" table
CREATE TABLE "usage_days" (
  "id" character varying NOT NULL,
  "user_id" uuid NOT NULL,
  "day" character varying NOT NULL,
  "model" character varying NOT NULL,
  "credential_id" uuid NOT NULL,
  "requests" bigint NOT NULL,
  "prompt_tokens" bigint NOT NULL,
  "completion_tokens" bigint NOT NULL,
  "duration_ms" bigint NOT NULL,
  "estimated" boolean NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "usageday_user_id_day" to table: "usage_days"
CREATE INDEX "usageday_user_id_day" ON "usage_days" ("user_id", "day");
-- Create "usage_totals" table
CREATE TABLE "usage_totals" (
  "id" character varying NOT NULL,
  "day" character varying NOT NULL,
  "slot" bigint NOT NULL,
  "requests" bigint NOT NULL,
  "tokens" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "usagetotal_day" to table: "usage_totals"
CREATE INDEX "usagetotal_day" ON "usage_totals" ("day");
