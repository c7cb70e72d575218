-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129214600', '') ON CONFLICT DO NOTHING;


-- Gives each user a number that VACUUM does not change, as it may a rowid.
CREATE TABLE user_numbers (
  number integer NOT NULL PRIMARY KEY,
  user_id uuid NOT NULL
);


CREATE UNIQUE INDEX user_numbers_user_id ON user_numbers (user_id);


-- The index of the trigrams in users.search, by number. It has neither the texts nor the places in them: who searches compares the text, too.
CREATE VIRTUAL TABLE user_trigrams USING fts5 (search, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1');


-- Fewer merges make changes cheaper, and searches hardly dearer.
INSERT INTO user_trigrams (user_trigrams, rank) VALUES ('automerge', 16);


INSERT INTO user_numbers (user_id) SELECT id FROM users ORDER BY created_at, id;


INSERT INTO user_trigrams (rowid, search) SELECT number, search FROM user_numbers JOIN users ON id = user_id ORDER BY number;


-- Makes one piece of many, or the first changes would have to merge them.
INSERT INTO user_trigrams (user_trigrams) VALUES ('optimize');


-- Keep the index up to date. A migration that rebuilds the table must create the triggers again.
CREATE TRIGGER new_users_are_indexed AFTER INSERT ON users
BEGIN
  INSERT INTO user_numbers (user_id) VALUES (NEW.id);
  INSERT INTO user_trigrams (rowid, search) SELECT number, NEW.search FROM user_numbers WHERE user_id = NEW.id;
END;


CREATE TRIGGER changed_users_are_indexed AFTER UPDATE OF search ON users WHEN NEW.search <> OLD.search
BEGIN
  INSERT INTO user_trigrams (user_trigrams, rowid, search) SELECT 'delete', number, OLD.search FROM user_numbers WHERE user_id = OLD.id;
  INSERT INTO user_trigrams (rowid, search) SELECT number, NEW.search FROM user_numbers WHERE user_id = NEW.id;
END;


CREATE TRIGGER deleted_users_are_not_indexed AFTER DELETE ON users
BEGIN
  INSERT INTO user_trigrams (user_trigrams, rowid, search) SELECT 'delete', number, OLD.search FROM user_numbers WHERE user_id = OLD.id;
  DELETE FROM user_numbers WHERE user_id = OLD.id;
END;
