-- Add column "models" to table: "credentials"
ALTER TABLE `credentials` ADD COLUMN `models` text NULL;
-- Add column "models" to table: "roles"
ALTER TABLE `roles` ADD COLUMN `models` text NULL;
-- Add column "tokens_per_day" to table: "users"
ALTER TABLE `users` ADD COLUMN `tokens_per_day` integer NULL;
-- Add column "tokens_per_month" to table: "users"
ALTER TABLE `users` ADD COLUMN `tokens_per_month` integer NULL;
-- Add column "requests_per_minute" to table: "users"
ALTER TABLE `users` ADD COLUMN `requests_per_minute` integer NULL;
-- Create "rate_buckets" table
CREATE TABLE `rate_buckets` (
  `id` uuid NOT NULL,
  `tokens` real NOT NULL,
  `updated_us` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "replicas" table
CREATE TABLE `replicas` (
  `id` uuid NOT NULL,
  `seen_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "reservations" table
CREATE TABLE `reservations` (
  `id` uuid NOT NULL,
  `replica_id` uuid NOT NULL,
  `user_id` uuid NOT NULL,
  `credential_id` uuid NULL,
  `session_id` uuid NULL,
  `kind` text NOT NULL,
  `model` text NOT NULL,
  `prompt_tokens` integer NOT NULL,
  `reserved` integer NOT NULL,
  `produced` integer NOT NULL DEFAULT (0),
  `started_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "reservation_replica_id" to table: "reservations"
CREATE INDEX `reservation_replica_id` ON `reservations` (`replica_id`);
-- Create "usage_periods" table
CREATE TABLE `usage_periods` (
  `id` text NOT NULL,
  `user_id` uuid NOT NULL,
  `period` text NOT NULL,
  `requests` integer NOT NULL DEFAULT (0),
  `used` integer NOT NULL DEFAULT (0),
  `reserved` integer NOT NULL DEFAULT (0),
  PRIMARY KEY (`id`)
);
-- Create index "usageperiod_period" to table: "usage_periods"
CREATE INDEX `usageperiod_period` ON `usage_periods` (`period`);
-- Create "usage_records" table
CREATE TABLE `usage_records` (
  `id` uuid NOT NULL,
  `user_id` uuid NOT NULL,
  `credential_id` uuid NULL,
  `session_id` uuid NULL,
  `kind` text NOT NULL,
  `model` text NOT NULL,
  `prompt_tokens` integer NOT NULL,
  `completion_tokens` integer NOT NULL,
  `duration_ms` integer NOT NULL,
  `outcome` text NOT NULL,
  `estimated` bool NOT NULL,
  `day` text NOT NULL,
  `started_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create index "usagerecord_user_id_started_at" to table: "usage_records"
CREATE INDEX `usagerecord_user_id_started_at` ON `usage_records` (`user_id`, `started_at`);
-- Create index "usagerecord_started_at" to table: "usage_records"
CREATE INDEX `usagerecord_started_at` ON `usage_records` (`started_at`);
