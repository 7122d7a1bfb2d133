package csvimport

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the text of a file as UTF-8, with line feeds as line ends. It returns a problem if the file is not a text.
//
// Text that is neither UTF-8 nor UTF-16 is in one of the older encodings of Windows and macOS. The columns that are imported
// contain ASCII, which all of these share, so it does not matter which one it is: only ignored columns can become unreadable.
func decode(data []byte) ([]byte, string) {
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return nil, "the file is a spreadsheet, not a CSV file: open it and save it as CSV"
	}
	var text []byte
	switch order := utf16Order(data); {
	case order != nil:
		text = decodeUTF16(data, order)
	case utf8.Valid(data):
		text = data
	default:
		text = decodeLatin1(data)
	}
	if bytes.ContainsRune(text, 0) {
		return nil, "the file is not a text: save it as CSV"
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), ""
}

// utf16Order returns the byte order of UTF-16, or nil if the file is in another encoding. Without a byte order mark, the first
// character decides, because it is ASCII.
func utf16Order(data []byte) binary.ByteOrder {
	switch {
	case len(data) < 2 || len(data)%2 != 0:
		return nil
	case data[0] == 0xff && data[1] == 0xfe, data[0] != 0 && data[1] == 0:
		return binary.LittleEndian
	case data[0] == 0xfe && data[1] == 0xff, data[0] == 0 && data[1] != 0:
		return binary.BigEndian
	}
	return nil
}

func decodeUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

func decodeLatin1(data []byte) []byte {
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return []byte(string(runes))
}

// separatorLine matches a first line such as sep=; which some programs write for Excel. A spreadsheet that does not know it
// adds quotes and empty cells.
var separatorLine = regexp.MustCompile(`^"?(?i:sep)=[` + separators + `]?"?[` + separators + `]*(\n|$)`)

// blankSeparatorLine empties such a line, so that the numbers of the other lines stay the same.
func blankSeparatorLine(text []byte) []byte {
	if line := separatorLine.Find(text); line != nil {
		return append([]byte("\n"), text[len(line):]...)
	}
	return text
}
