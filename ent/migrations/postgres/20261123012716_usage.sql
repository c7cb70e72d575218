-- Modify "credentials" table
ALTER TABLE "credentials" ADD COLUMN "models" text NULL;
-- Modify "roles" table
ALTER TABLE "roles" ADD COLUMN "models" text NULL;
-- Modify "users" table
ALTER TABLE "users" ADD COLUMN "tokens_per_day" bigint NULL, ADD COLUMN "tokens_per_month" bigint NULL, ADD COLUMN "requests_per_minute" integer NULL;
-- Create "rate_buckets" table
CREATE TABLE "rate_buckets" (
  "id" uuid NOT NULL,
  "tokens" double precision NOT NULL,
  "updated_us" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- Create "replicas" table
CREATE TABLE "replicas" (
  "id" uuid NOT NULL,
  "seen_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- Create "reservations" table
CREATE TABLE "reservations" (
  "id" uuid NOT NULL,
  "replica_id" uuid NOT NULL,
  "user_id" uuid NOT NULL,
  "credential_id" uuid NULL,
  "session_id" uuid NULL,
  "kind" character varying NOT NULL,
  "model" character varying NOT NULL,
  "prompt_tokens" bigint NOT NULL,
  "reserved" bigint NOT NULL,
  "produced" bigint NOT NULL DEFAULT 0,
  "started_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "reservation_replica_id" to table: "reservations"
CREATE INDEX "reservation_replica_id" ON "reservations" ("replica_id");
-- Create "usage_periods" table
CREATE TABLE "usage_periods" (
  "id" character varying NOT NULL,
  "user_id" uuid NOT NULL,
  "period" character varying NOT NULL,
  "requests" bigint NOT NULL DEFAULT 0,
  "used" bigint NOT NULL DEFAULT 0,
  "reserved" bigint NOT NULL DEFAULT 0,
  PRIMARY KEY ("id")
);
-- Create index "usageperiod_period" to table: "usage_periods"
CREATE INDEX "usageperiod_period" ON "usage_periods" ("period");
-- Create "usage_records" table
CREATE TABLE "usage_records" (
  "id" uuid NOT NULL,
  "user_id" uuid NOT NULL,
  "credential_id" uuid NULL,
  "session_id" uuid NULL,
  "kind" character varying NOT NULL,
  "model" character varying NOT NULL,
  "prompt_tokens" bigint NOT NULL,
  "completion_tokens" bigint NOT NULL,
  "duration_ms" bigint NOT NULL,
  "outcome" character varying NOT NULL,
  "estimated" boolean NOT NULL,
  "day" character varying NOT NULL,
  "started_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "usagerecord_started_at" to table: "usage_records"
CREATE INDEX "usagerecord_started_at" ON "usage_records" ("started_at");
-- Create index "usagerecord_user_id_started_at" to table: "usage_records"
CREATE INDEX "usagerecord_user_id_started_at" ON "usage_records" ("user_id", "started_at");
