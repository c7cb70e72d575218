-- Drop index "auditentry_event_type_occurred_at_id" from table: "audit_entries"
DROP INDEX `auditentry_event_type_occurred_at_id`;
-- Create index "auditentry_event_type_outcome_occurred_at_id" to table: "audit_entries"
CREATE INDEX `auditentry_event_type_outcome_occurred_at_id` ON `audit_entries` (`event_type`, `outcome`, `occurred_at`, `id`);
-- Create index "credential_expires_at" to table: "credentials"
CREATE INDEX `credential_expires_at` ON `credentials` (`expires_at`);
-- Create index "user_active_created_at_id" to table: "users"
CREATE INDEX `user_active_created_at_id` ON `users` (`active`, `created_at`, `id`);
-- Create index "userrole_role_id_user_id" to table: "user_roles"
CREATE INDEX `userrole_role_id_user_id` ON `user_roles` (`role_id`, `user_id`);
-- Create "usage_days" table
CREATE TABLE `usage_days` (
  `id` text NOT NULL,
  `user_id` uuid NOT NULL,
  `day` text NOT NULL,
  `model` text NOT NULL,
  `credential_id` uuid NOT NULL,
  `requests` integer NOT NULL,
  `prompt_tokens` integer NOT NULL,
  `completion_tokens` integer NOT NULL,
  `duration_ms` integer NOT NULL,
  `estimated` bool NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "usageday_user_id_day" to table: "usage_days"
CREATE INDEX `usageday_user_id_day` ON `usage_days` (`user_id`, `day`);
-- Create "usage_totals" table
CREATE TABLE `usage_totals` (
  `id` text NOT NULL,
  `day` text NOT NULL,
  `slot` integer NOT NULL,
  `requests` integer NOT NULL,
  `tokens` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "usagetotal_day" to table: "usage_totals"
CREATE INDEX `usagetotal_day` ON `usage_totals` (`day`);
