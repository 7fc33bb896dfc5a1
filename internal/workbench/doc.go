// Package workbench is where one model lies, without a recipe and a run directory around it: opened by the name that a user
// gives it, timed, compared with another, read over a text, cut smaller. The verbs of distill model and distill bench are
// these; the stages of a recipe use them too.
package workbench
