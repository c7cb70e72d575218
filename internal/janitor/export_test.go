package janitor

// Batch is how many rows a step is about.
const Batch = batch

// SetBatches bounds a sweep of a table.
func (j *Janitor) SetBatches(n int) { j.batches = n }

// Statements returns what deletes rows of each table.
func (j *Janitor) Statements() map[string]string {
	all := map[string]string{}
	for _, t := range j.tables {
		all[t.name] = j.statement(&t)
	}
	return all
}
