-- Drop index "reservation_replica_id" from table: "reservations"
DROP INDEX "reservation_replica_id";
