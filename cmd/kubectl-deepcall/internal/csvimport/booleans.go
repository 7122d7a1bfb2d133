package csvimport

import (
	"fmt"
	"strings"
)

// booleans are the accepted values of the columns receives, declared, in_sync and complete.
var booleans = map[string]bool{
	"true": true, "yes": true, "y": true, "1": true,
	"false": false, "no": false, "n": false, "0": false,
}

// localBooleans are TRUE and FALSE as spreadsheets save them in the languages of Europe: testdata/libreoffice/booleans.csv.
const localBooleans = `
WAHR FALSCH  VRAI FAUX  VERDADERO FALSO  VERO FALSO  VERDADEIRO FALSO  WAAR ONWAAR
SANT FALSKT  SAND FALSK  SANN USANN  TOSI EPÄTOSI  RÉTT RANGT  PRAWDA FAŁSZ  PRAVDA NEPRAVDA  IGAZ HAMIS
ADEVĂRAT FALS  VERITAT FALS  ВЯРНО НЕВЯРНО  TOČNO NETOČNO  ТАЧНО НЕТАЧНО  ІСТИНА БРЕХНЯ  ИСТИНА ЛОЖЬ
TÕENE VÄÄR  PATIESS APLAMS  TEISINGAI NETEISINGAI  ΣΩΣΤΌ ΛΆΘΟΣ  FÍOR FALSA  VERU FALZ  EGIAZKOA FALTSUA  DOĞRU YANLIŞ
`

func init() {
	for i, word := range strings.Fields(localBooleans) {
		booleans[strings.ToLower(word)] = i%2 == 0
	}
}

// parseBoolean returns the value of a cell, nil if it is empty, or the text of a problem.
func (r row) parseBoolean(column string) (*bool, string) {
	cell := r.cells[column]
	value, ok := booleans[strings.ToLower(cell)]
	switch {
	case cell == "":
		return nil, ""
	case !ok:
		return nil, fmt.Sprintf("%s is %q: use yes or no (or true, false, Y, N, 1, 0)", column, cell)
	}
	return &value, ""
}
