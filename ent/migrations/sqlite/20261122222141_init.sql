-- Create "audit_entries" table
CREATE TABLE `audit_entries` (
  `id` uuid NOT NULL,
  `event_type` text NOT NULL,
  `occurred_at` datetime NOT NULL,
  `actor_user_id` uuid NULL,
  `actor_email` text NOT NULL,
  `target_user_id` uuid NULL,
  `credential_id` uuid NULL,
  `session_id` uuid NULL,
  `ip` text NOT NULL,
  `user_agent` text NOT NULL,
  `request_id` text NOT NULL,
  `outcome` text NOT NULL,
  `detail` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "auditentry_occurred_at_id" to table: "audit_entries"
CREATE INDEX `auditentry_occurred_at_id` ON `audit_entries` (`occurred_at`, `id`);
-- Create index "auditentry_event_type_occurred_at_id" to table: "audit_entries"
CREATE INDEX `auditentry_event_type_occurred_at_id` ON `audit_entries` (`event_type`, `occurred_at`, `id`);
-- Create index "auditentry_actor_user_id_occurred_at_id" to table: "audit_entries"
CREATE INDEX `auditentry_actor_user_id_occurred_at_id` ON `audit_entries` (`actor_user_id`, `occurred_at`, `id`);
-- Create index "auditentry_target_user_id_occurred_at_id" to table: "audit_entries"
CREATE INDEX `auditentry_target_user_id_occurred_at_id` ON `audit_entries` (`target_user_id`, `occurred_at`, `id`);
-- Create "credentials" table
CREATE TABLE `credentials` (
  `id` uuid NOT NULL,
  `label` text NOT NULL,
  `key_id` text NOT NULL,
  `key_hash` text NOT NULL,
  `created_at` datetime NOT NULL,
  `expires_at` datetime NULL,
  `last_used_at` datetime NULL,
  `revoked_at` datetime NULL,
  `user_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `credentials_users_credentials` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE
);
-- Create index "credentials_key_id_key" to table: "credentials"
CREATE UNIQUE INDEX `credentials_key_id_key` ON `credentials` (`key_id`);
-- Create index "credential_user_id" to table: "credentials"
CREATE INDEX `credential_user_id` ON `credentials` (`user_id`);
-- Create "idempotency_keys" table
CREATE TABLE `idempotency_keys` (
  `id` text NOT NULL,
  `request_hash` text NOT NULL,
  `result_id` uuid NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "idempotencykey_created_at" to table: "idempotency_keys"
CREATE INDEX `idempotencykey_created_at` ON `idempotency_keys` (`created_at`);
-- Create "roles" table
CREATE TABLE `roles` (
  `id` text NOT NULL,
  `description` text NOT NULL DEFAULT (''),
  PRIMARY KEY (`id`)
);
-- Create "sessions" table
CREATE TABLE `sessions` (
  `id` uuid NOT NULL,
  `refresh_salt` blob NOT NULL,
  `generation` integer NOT NULL DEFAULT (0),
  `rotated_at` datetime NOT NULL,
  `created_at` datetime NOT NULL,
  `last_seen_at` datetime NOT NULL,
  `refresh_expires_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `revoked_at` datetime NULL,
  `ip` text NOT NULL,
  `user_agent` text NOT NULL,
  `user_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `sessions_users_sessions` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE
);
-- Create index "session_user_id" to table: "sessions"
CREATE INDEX `session_user_id` ON `sessions` (`user_id`);
-- Create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- Create "users" table
CREATE TABLE `users` (
  `id` uuid NOT NULL,
  `email` text NOT NULL,
  `display_name` text NOT NULL DEFAULT (''),
  `external_id` text NULL,
  `search` text NOT NULL DEFAULT (''),
  `active` bool NOT NULL DEFAULT (true),
  `password_hash` text NOT NULL DEFAULT (''),
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `last_login_at` datetime NULL,
  PRIMARY KEY (`id`)
);
-- Create index "users_email_key" to table: "users"
CREATE UNIQUE INDEX `users_email_key` ON `users` (`email`);
-- Create index "users_external_id_key" to table: "users"
CREATE UNIQUE INDEX `users_external_id_key` ON `users` (`external_id`);
-- Create index "user_created_at_id" to table: "users"
CREATE INDEX `user_created_at_id` ON `users` (`created_at`, `id`);
-- Create "user_roles" table
CREATE TABLE `user_roles` (
  `user_id` uuid NOT NULL,
  `role_id` text NOT NULL,
  PRIMARY KEY (`user_id`, `role_id`),
  CONSTRAINT `user_roles_user_id` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE,
  CONSTRAINT `user_roles_role_id` FOREIGN KEY (`role_id`) REFERENCES `roles` (`id`) ON DELETE CASCADE
);
