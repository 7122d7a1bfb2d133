package testenv

import (
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// DecodeYAML decodes all documents of a YAML stream.
func DecodeYAML[T any](reader io.Reader) ([]T, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(reader, 4096)
	var documents []T
	for {
		var document T
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode YAML: %w", err)
		}
		documents = append(documents, document)
	}
}
