package postgres

import (
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Column describes one column of a result.
type Column struct {
	Name string
	OID  uint32 // of its type
	Type string // as SQL writes it, such as "bigint" or "text[]"; "oid 16392" for types of extensions and users
}

func columns(fields []pgconn.FieldDescription) []Column {
	if len(fields) == 0 {
		return nil
	}
	cols := make([]Column, len(fields))
	for i, f := range fields {
		cols[i] = Column{Name: f.Name, OID: f.DataTypeOID, Type: typeName(f.DataTypeOID)}
	}
	return cols
}

func typeName(oid uint32) string {
	if name, ok := typeNames[oid]; ok {
		return name
	}
	if element, ok := elements[oid]; ok {
		return typeName(element) + "[]"
	}
	return "oid " + strconv.FormatUint(uint64(oid), 10)
}

// Types that pgx has no constant for.
const (
	oidvectorOID    = 30
	int2vectorOID   = 22
	pgNodeTreeOID   = 194
	pgLSNOID        = 3220
	pgLSNArrayOID   = 3221
	moneyOID        = 790
	moneyArrayOID   = 791
	tsqueryOID      = 3615
	tsqueryArrayOID = 3645
	refcursorOID    = 1790
	regprocOID      = 24
	regprocedureOID = 2202
	regclassOID     = 2205
	regclassArray   = 2210
	regtypeOID      = 2206
	regtypeArray    = 2211
	regroleOID      = 4096
	regnamespaceOID = 4089
	snapshotOID     = 5038
	voidOID         = 2278
	cstringOID      = 2275
	charArrayOID    = pgtype.QCharArrayOID
)

// typeNames are the names that the server's format_type gives; a test holds them
// to it.
var typeNames = map[uint32]string{
	pgtype.BoolOID:        "boolean",
	pgtype.ByteaOID:       "bytea",
	pgtype.QCharOID:       `"char"`,
	pgtype.NameOID:        "name",
	pgtype.Int8OID:        "bigint",
	pgtype.Int2OID:        "smallint",
	int2vectorOID:         "int2vector",
	pgtype.Int4OID:        "integer",
	regprocOID:            "regproc",
	pgtype.TextOID:        "text",
	pgtype.OIDOID:         "oid",
	pgtype.TIDOID:         "tid",
	pgtype.XIDOID:         "xid",
	pgtype.CIDOID:         "cid",
	oidvectorOID:          "oidvector",
	pgtype.JSONOID:        "json",
	pgtype.XMLOID:         "xml",
	pgNodeTreeOID:         "pg_node_tree",
	pgtype.PointOID:       "point",
	pgtype.LsegOID:        "lseg",
	pgtype.PathOID:        "path",
	pgtype.BoxOID:         "box",
	pgtype.PolygonOID:     "polygon",
	pgtype.LineOID:        "line",
	pgtype.CIDROID:        "cidr",
	pgtype.Float4OID:      "real",
	pgtype.Float8OID:      "double precision",
	pgtype.UnknownOID:     "unknown",
	pgtype.CircleOID:      "circle",
	pgtype.Macaddr8OID:    "macaddr8",
	moneyOID:              "money",
	pgtype.MacaddrOID:     "macaddr",
	pgtype.InetOID:        "inet",
	pgtype.ACLItemOID:     "aclitem",
	pgtype.BPCharOID:      "character",
	pgtype.VarcharOID:     "character varying",
	pgtype.DateOID:        "date",
	pgtype.TimeOID:        "time without time zone",
	pgtype.TimestampOID:   "timestamp without time zone",
	pgtype.TimestamptzOID: "timestamp with time zone",
	pgtype.IntervalOID:    "interval",
	pgtype.TimetzOID:      "time with time zone",
	pgtype.BitOID:         "bit",
	pgtype.VarbitOID:      "bit varying",
	pgtype.NumericOID:     "numeric",
	refcursorOID:          "refcursor",
	regprocedureOID:       "regprocedure",
	regclassOID:           "regclass",
	regtypeOID:            "regtype",
	regroleOID:            "regrole",
	regnamespaceOID:       "regnamespace",
	pgtype.RecordOID:      "record",
	cstringOID:            "cstring",
	voidOID:               "void",
	pgtype.UUIDOID:        "uuid",
	pgLSNOID:              "pg_lsn",
	pgtype.TSVectorOID:    "tsvector",
	tsqueryOID:            "tsquery",
	pgtype.JSONBOID:       "jsonb",
	pgtype.Int4rangeOID:   "int4range",
	pgtype.NumrangeOID:    "numrange",
	pgtype.TsrangeOID:     "tsrange",
	pgtype.TstzrangeOID:   "tstzrange",
	pgtype.DaterangeOID:   "daterange",
	pgtype.Int8rangeOID:   "int8range",
	pgtype.JSONPathOID:    "jsonpath",
	pgtype.XID8OID:        "xid8",
	snapshotOID:           "pg_snapshot",
}

// elements gives the element type of an array type. Arrays of types that are not
// built in have other OIDs in each database; they stay strings.
var elements = map[uint32]uint32{
	pgtype.BoolArrayOID:        pgtype.BoolOID,
	pgtype.ByteaArrayOID:       pgtype.ByteaOID,
	charArrayOID:               pgtype.QCharOID,
	pgtype.NameArrayOID:        pgtype.NameOID,
	pgtype.Int2ArrayOID:        pgtype.Int2OID,
	pgtype.Int4ArrayOID:        pgtype.Int4OID,
	pgtype.Int8ArrayOID:        pgtype.Int8OID,
	pgtype.TextArrayOID:        pgtype.TextOID,
	pgtype.OIDArrayOID:         pgtype.OIDOID,
	pgtype.TIDArrayOID:         pgtype.TIDOID,
	pgtype.XIDArrayOID:         pgtype.XIDOID,
	pgtype.JSONArrayOID:        pgtype.JSONOID,
	pgtype.JSONBArrayOID:       pgtype.JSONBOID,
	pgtype.XMLArrayOID:         pgtype.XMLOID,
	pgtype.CIDRArrayOID:        pgtype.CIDROID,
	pgtype.InetArrayOID:        pgtype.InetOID,
	pgtype.MacaddrArrayOID:     pgtype.MacaddrOID,
	pgtype.ACLItemArrayOID:     pgtype.ACLItemOID,
	pgtype.Float4ArrayOID:      pgtype.Float4OID,
	pgtype.Float8ArrayOID:      pgtype.Float8OID,
	pgtype.BPCharArrayOID:      pgtype.BPCharOID,
	pgtype.VarcharArrayOID:     pgtype.VarcharOID,
	pgtype.DateArrayOID:        pgtype.DateOID,
	pgtype.TimeArrayOID:        pgtype.TimeOID,
	pgtype.TimetzArrayOID:      pgtype.TimetzOID,
	pgtype.TimestampArrayOID:   pgtype.TimestampOID,
	pgtype.TimestamptzArrayOID: pgtype.TimestamptzOID,
	pgtype.IntervalArrayOID:    pgtype.IntervalOID,
	pgtype.NumericArrayOID:     pgtype.NumericOID,
	pgtype.BitArrayOID:         pgtype.BitOID,
	pgtype.VarbitArrayOID:      pgtype.VarbitOID,
	pgtype.UUIDArrayOID:        pgtype.UUIDOID,
	moneyArrayOID:              moneyOID,
	regclassArray:              regclassOID,
	regtypeArray:               regtypeOID,
	pgLSNArrayOID:              pgLSNOID,
	tsqueryArrayOID:            tsqueryOID,
	pgtype.TSVectorArrayOID:    pgtype.TSVectorOID,
	pgtype.RecordArrayOID:      pgtype.RecordOID,
}
