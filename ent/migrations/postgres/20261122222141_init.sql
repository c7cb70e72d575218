-- Create "audit_entries" table
CREATE TABLE "audit_entries" (
  "id" uuid NOT NULL,
  "event_type" character varying NOT NULL,
  "occurred_at" timestamptz NOT NULL,
  "actor_user_id" uuid NULL,
  "actor_email" character varying NOT NULL,
  "target_user_id" uuid NULL,
  "credential_id" uuid NULL,
  "session_id" uuid NULL,
  "ip" character varying NOT NULL,
  "user_agent" character varying NOT NULL,
  "request_id" character varying NOT NULL,
  "outcome" character varying NOT NULL,
  "detail" character varying NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "auditentry_actor_user_id_occurred_at_id" to table: "audit_entries"
CREATE INDEX "auditentry_actor_user_id_occurred_at_id" ON "audit_entries" ("actor_user_id", "occurred_at", "id");
-- Create index "auditentry_event_type_occurred_at_id" to table: "audit_entries"
CREATE INDEX "auditentry_event_type_occurred_at_id" ON "audit_entries" ("event_type", "occurred_at", "id");
-- Create index "auditentry_occurred_at_id" to table: "audit_entries"
CREATE INDEX "auditentry_occurred_at_id" ON "audit_entries" ("occurred_at", "id");
-- Create index "auditentry_target_user_id_occurred_at_id" to table: "audit_entries"
CREATE INDEX "auditentry_target_user_id_occurred_at_id" ON "audit_entries" ("target_user_id", "occurred_at", "id");
-- Create "idempotency_keys" table
CREATE TABLE "idempotency_keys" (
  "id" character varying NOT NULL,
  "request_hash" character varying NOT NULL,
  "result_id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- Create index "idempotencykey_created_at" to table: "idempotency_keys"
CREATE INDEX "idempotencykey_created_at" ON "idempotency_keys" ("created_at");
-- Create "users" table
CREATE TABLE "users" (
  "id" uuid NOT NULL,
  "email" character varying NOT NULL,
  "display_name" character varying NOT NULL DEFAULT '',
  "external_id" character varying NULL,
  "search" text NOT NULL DEFAULT '',
  "active" boolean NOT NULL DEFAULT true,
  "password_hash" character varying NOT NULL DEFAULT '',
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  "last_login_at" timestamptz NULL,
  PRIMARY KEY ("id")
);
-- Create index "user_created_at_id" to table: "users"
CREATE INDEX "user_created_at_id" ON "users" ("created_at", "id");
-- Create index "users_email_key" to table: "users"
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
-- Create index "users_external_id_key" to table: "users"
CREATE UNIQUE INDEX "users_external_id_key" ON "users" ("external_id");
-- Create "credentials" table
CREATE TABLE "credentials" (
  "id" uuid NOT NULL,
  "label" character varying NOT NULL,
  "key_id" character varying NOT NULL,
  "key_hash" character varying NOT NULL,
  "created_at" timestamptz NOT NULL,
  "expires_at" timestamptz NULL,
  "last_used_at" timestamptz NULL,
  "revoked_at" timestamptz NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "credentials_users_credentials" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
-- Create index "credential_user_id" to table: "credentials"
CREATE INDEX "credential_user_id" ON "credentials" ("user_id");
-- Create index "credentials_key_id_key" to table: "credentials"
CREATE UNIQUE INDEX "credentials_key_id_key" ON "credentials" ("key_id");
-- Create "sessions" table
CREATE TABLE "sessions" (
  "id" uuid NOT NULL,
  "refresh_salt" bytea NOT NULL,
  "generation" bigint NOT NULL DEFAULT 0,
  "rotated_at" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL,
  "last_seen_at" timestamptz NOT NULL,
  "refresh_expires_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "revoked_at" timestamptz NULL,
  "ip" character varying NOT NULL,
  "user_agent" character varying NOT NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "sessions_users_sessions" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
-- Create index "session_expires_at" to table: "sessions"
CREATE INDEX "session_expires_at" ON "sessions" ("expires_at");
-- Create index "session_user_id" to table: "sessions"
CREATE INDEX "session_user_id" ON "sessions" ("user_id");
-- Create "roles" table
CREATE TABLE "roles" (
  "id" character varying NOT NULL,
  "description" character varying NOT NULL DEFAULT '',
  PRIMARY KEY ("id")
);
-- Create "user_roles" table
CREATE TABLE "user_roles" (
  "user_id" uuid NOT NULL,
  "role_id" character varying NOT NULL,
  PRIMARY KEY ("user_id", "role_id"),
  CONSTRAINT "user_roles_role_id" FOREIGN KEY ("role_id") REFERENCES "roles" ("id") ON UPDATE NO ACTION ON DELETE CASCADE,
  CONSTRAINT "user_roles_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
