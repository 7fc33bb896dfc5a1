package model

// Shapes are the small models of the tests, for those of the external package.
var Shapes = shapes
