-- Each migration from here on says which programs may run on it: those that know the one that it needs, or all when that is empty.
CREATE TABLE `migration_compatibility` (
  `version` text NOT NULL,
  `needs` text NOT NULL,
  PRIMARY KEY (`version`)
);
