// Package config is the recipe: what a run does, from prompts to gates, as one YAML document.
//
// [Recipe] is the schema. Its doc comments are the reference manual ([Reference]), its tags the allowed values
// ([Schema], [Recipe.Validate]), and [Default] the only place where a default is written, with its reason. [Load] reads a
// document strictly: an unknown field, a wrong type or a value out of range is an [Error] with file, line, column, an
// excerpt and the nearest valid name.
//
//	r, err := config.Load("recipe.yaml", []string{"train.batch=16"})
//	text, err := config.Marshal(r) // every default filled in
//
// Relative paths of a recipe are meant from the recipe's own folder; those of an override from the working directory.
// A recipe names the environment variables that hold keys and never holds a key. The package opens no file that a recipe
// names: whether they exist is the stages' business.
package config
