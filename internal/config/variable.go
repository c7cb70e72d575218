package config

import (
	"cmp"
	"errors"
	"os"
	"reflect"
)

// Var describes one environment variable, for help texts and docs/CONFIGURATION.md.
type Var struct {
	// Name of the variable, e.g. "LISTEN_ADDR".
	Name string
	// Type says what it may be set to, e.g. "duration, at least 1s".
	Type string
	// Default says what holds when the variable is not set; empty when nothing does.
	Default string
	// Help is one line on what it is for.
	Help string
}

// Vars describes every variable that Load reads, in the order of the documentation.
func Vars() []Var {
	var vars []Var
	for _, v := range new(draft).variables() {
		unset := cmp.Or(v.tag.Get("unset"), v.tag.Get("default"))
		if prod, ok := v.tag.Lookup("prod"); ok {
			unset = "local: " + unset + "; prod: " + prod
		}
		vars = append(vars, Var{Name: v.name, Type: v.typeName(), Default: unset, Help: v.tag.Get("help")})
		if v.isSecret() {
			vars = append(vars, Var{Name: v.name + fileSuffix, Type: "file", Help: "a file that holds " + v.name + " in one line, in place of it"})
		}
	}
	return vars
}

// variable is an environment variable and the field that it sets.
type variable struct {
	name  string
	tag   reflect.StructTag
	field reflect.Value
}

// variables returns every variable, bound to d. ENVIRONMENT comes first, since others' defaults depend on it.
func (d *draft) variables() []variable {
	var all []variable
	parts := reflect.ValueOf(&d.parts).Elem()
	for field, value := range reflect.ValueOf(&d.Config).Elem().Fields() {
		if part, ok := parts.Type().FieldByName(field.Name); ok {
			field, value = part, parts.FieldByIndex(part.Index)
		}
		all = appendVariables(all, field, value)
	}
	return all
}

// appendVariables appends the variable of a field with an env tag, or else those of the struct in it.
func appendVariables(all []variable, field reflect.StructField, value reflect.Value) []variable {
	if name, ok := field.Tag.Lookup("env"); ok {
		return append(all, variable{name: name, tag: field.Tag, field: value})
	}
	for field, value := range value.Fields() {
		all = appendVariables(all, field, value)
	}
	return all
}

// lookup returns the text that counts: the variable's own, or else its default. For a secret, a file may hold it; then
// fromFile is true, and the error says what is wrong with the file, if anything is.
func (v variable) lookup(getenv func(name string) string, environment Environment) (text string, fromFile bool, err error) {
	if v.isSecret() {
		var s Secret
		s, fromFile, err = LookupSecret(getenv, v.name)
		text = s.Reveal()
	} else {
		text = getenv(v.name)
	}
	if text != "" || err != nil {
		return text, fromFile, err
	}
	if text, ok := v.tag.Lookup("prod"); ok && environment == Prod {
		return text, false, nil
	}
	return v.tag.Get("default"), false, nil
}

// kind returns the type of the value, without a pointer to it, and how it is read.
func (v variable) kind() (reflect.Type, kind) {
	t := v.field.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, kinds[cmp.Or(v.tag.Get("kind"), t.String())]
}

// typeName returns the name of the value's kind, or the texts it may be, with the bounds if there are any.
func (v variable) typeName() string {
	_, k := v.kind()
	name := cmp.Or(k.name, v.tag.Get("oneof"), "text")
	least, bounded := v.tag.Lookup("min")
	most, both := v.tag.Lookup("max")
	switch {
	case both:
		return name + ", " + least + " to " + most
	case bounded:
		return name + ", at least " + least
	}
	return name
}

// read sets the field to the value that text stands for; an empty one leaves it as it is. The error says what is expected.
func (v variable) read(text string) error {
	if text == "" {
		return nil
	}
	t, k := v.kind()
	optional := v.field.Kind() == reflect.Pointer
	value, err := k.parse(text, v.tag)
	if err != nil {
		return errors.New(cmp.Or(os.Expand(k.problem, v.tag.Get), err.Error()))
	}
	set := reflect.New(t)
	set.Elem().Set(reflect.ValueOf(value).Convert(t))
	if !optional {
		set = set.Elem()
	}
	v.field.Set(set)
	return nil
}
