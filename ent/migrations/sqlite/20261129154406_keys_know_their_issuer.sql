-- Add column "issued_by" to table: "credentials"
ALTER TABLE `credentials` ADD COLUMN `issued_by` uuid NULL;
-- Create index "credential_issued_by" to table: "credentials"
CREATE INDEX `credential_issued_by` ON `credentials` (`issued_by`);
