package postgres

// TypeName is there for the test that holds the table of names to the server.
var TypeName = typeName
