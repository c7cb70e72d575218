package config

import "slices"

// draft is a Config while it is read, with the faults found so far. The field of a faulty variable keeps its zero value.
type draft struct {
	Config
	parts  parts
	faults Faults
}

// Load reads every variable of Vars through getenv, which returns "" for one that is not set (os.Getenv does). A
// variable set to the empty string counts as not set. The error, if any, is a Faults with all that is wrong.
//
// Each of checks adds what a package above this one knows better, such as the rules for passwords, so that its faults are
// reported with the others. It is given what was read, with zero values in place of the faulty; only the first fault of a
// variable is reported.
func Load(getenv func(name string) string, checks ...func(Config) Faults) (Config, error) {
	var d draft
	variables := d.variables()
	for _, v := range variables {
		if err := v.read(v.lookup(getenv, d.Environment)); err != nil {
			d.require(v.name, false, err.Error())
		}
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
	for i, v := range variables {
		place[v.name] = i
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return place[a.Variable] - place[b.Variable] })
	return Config{}, d.faults
}

// require records a problem with a variable unless ok, or unless one is known.
func (d *draft) require(variable string, ok bool, problem string) {
	if ok || slices.ContainsFunc(d.faults, func(f Fault) bool { return f.Variable == variable }) {
		return
	}
	d.faults = append(d.faults, Fault{Variable: variable, Problem: problem})
}
