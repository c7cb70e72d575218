package config

import "slices"

// draft is a Config while it is read, with the faults found so far. The field of a faulty variable keeps its zero value.
type draft struct {
	Config
	parts  parts
	faults Faults
	// fromFile holds the names of the secrets that are read from files.
	fromFile map[string]bool
	// signs reports whether the program signs tokens.
	signs bool
}

// Load reads every variable of Vars through getenv, which returns "" for one that is not set (os.Getenv does). A
// variable set to the empty string counts as not set. Of the disk it reads the files of secrets (JWT_SECRET_FILE) alone. The
// error, if any, is a Faults with all that is wrong.
//
// Each of checks adds what a package above this one knows better, such as the rules for passwords, so that its faults are
// reported with the others. It is given what was read, with zero values in place of the faulty; only the first fault of a
// variable is reported.
func Load(getenv func(name string) string, checks ...func(Config) Faults) (Config, error) {
	return load(draft{signs: true}, getenv, checks)
}

// LoadForMigration is Load for a program that signs no tokens: in prod, too, it needs no JWT_SECRET.
func LoadForMigration(getenv func(name string) string, checks ...func(Config) Faults) (Config, error) {
	return load(draft{}, getenv, checks)
}

func load(d draft, getenv func(name string) string, checks []func(Config) Faults) (Config, error) {
	d.fromFile = map[string]bool{}
	for _, v := range d.variables() {
		d.set(v, getenv)
	}
	d.decide()
	d.check()
	for _, check := range checks {
		for _, f := range check(d.Config) {
			d.require(f.Variable, false, f.Problem)
		}
	}
	if len(d.faults) == 0 {
		return d.Config, nil
	}
	place := make(map[string]int) // where an operator looks a variable up
	for i, v := range Vars() {
		place[v.Name] = i
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return place[a.Variable] - place[b.Variable] })
	return Config{}, d.faults
}

// set sets the field of a variable to what the environment says.
func (d *draft) set(v variable, getenv func(name string) string) {
	text, fromFile, err := v.lookup(getenv, d.Environment)
	if err != nil {
		d.require(v.name+fileSuffix, false, err.Error())
	}
	d.fromFile[v.name] = fromFile
	if err := v.read(text); err != nil {
		d.require(v.name, false, err.Error())
	}
}

// require records a problem with a variable, or with the text in its file, unless ok, or unless one is known.
func (d *draft) require(variable string, ok bool, problem string) {
	if d.fromFile[variable] {
		variable, problem = variable+fileSuffix, "its text "+problem
	}
	if ok || slices.ContainsFunc(d.faults, func(f Fault) bool { return f.Variable == variable }) {
		return
	}
	d.faults = append(d.faults, Fault{Variable: variable, Problem: problem})
}
