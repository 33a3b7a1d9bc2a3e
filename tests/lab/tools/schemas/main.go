// Command schemas writes JSON schemas for kubeconform from the OpenAPI document that the Go module k8s.io/kubernetes
// carries: strict (no unknown fields), self-contained, one file per kind.
//
//	schemas .../api/openapi-spec/swagger.json OUT
//
// kubeconform finds them with
//
//	-schema-location 'OUT/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type object = map[string]any

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas SWAGGER.JSON OUT")
		os.Exit(2)
	}
	written, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
	fmt.Println("wrote", written, "schemas to", os.Args[2])
}

func run(swagger, out string) (int, error) {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return 0, err
	}
	var document struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return 0, err
	}
	strict := map[string]object{}
	for name, definition := range document.Definitions {
		strict[name] = tightened(definition)
	}
	strict["io.k8s.apimachinery.pkg.api.resource.Quantity"] = either("string", "number")
	strict["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = either("string", "integer")
	written := 0
	for name, definition := range document.Definitions {
		// These two are listed under every group.
		if strings.HasSuffix(name, "DeleteOptions") || strings.HasSuffix(name, "WatchEvent") {
			continue
		}
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			if err := write(out, kind.(object), name, strict); err != nil {
				return written, err
			}
			written++
		}
	}
	return written, nil
}

// tightened leaves out what a validator does not need, and forbids fields that are not named.
func tightened(schema object) object {
	if reference, ok := schema["$ref"].(string); ok {
		return object{"$ref": reference}
	}
	if schema["format"] == "int-or-string" {
		return either("string", "integer")
	}
	result := object{}
	for keyword, value := range schema {
		switch {
		case keyword == "description" || keyword == "format" || strings.HasPrefix(keyword, "x-"):
		case keyword == "properties":
			properties := object{}
			for name, property := range value.(object) {
				properties[name] = tightened(property.(object))
			}
			result[keyword] = properties
		case keyword == "items" || keyword == "additionalProperties":
			if inner, ok := value.(object); ok {
				value = tightened(inner)
			}
			result[keyword] = value
		default:
			result[keyword] = value
		}
	}
	_, hasProperties := result["properties"]
	_, saysMore := result["additionalProperties"]
	if hasProperties && !saysMore {
		result["additionalProperties"] = false
	}
	return result
}

func either(types ...string) object {
	var choices []any
	for _, name := range types {
		choices = append(choices, object{"type": name})
	}
	return object{"oneOf": choices}
}

func write(out string, kind object, name string, strict map[string]object) error {
	group, version, word := kind["group"].(string), kind["version"].(string), kind["kind"].(string)
	apiVersion, folder := version, version
	if group != "" {
		apiVersion, folder = group+"/"+version, group
	}
	used := map[string]object{}
	collect(strict[name], strict, used)
	schema := object{"definitions": used}
	for keyword, value := range strict[name] {
		schema[keyword] = value
	}
	properties := object{}
	if given, ok := schema["properties"].(object); ok {
		for field, value := range given {
			properties[field] = value
		}
	}
	properties["apiVersion"] = object{"type": "string", "enum": []any{apiVersion}}
	properties["kind"] = object{"type": "string", "enum": []any{word}}
	schema["properties"] = properties
	required := []string{"apiVersion", "kind"}
	if given, ok := schema["required"].([]any); ok {
		for _, field := range given {
			if !slices.Contains(required, field.(string)) {
				required = append(required, field.(string))
			}
		}
	}
	schema["required"] = required
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	folder = filepath.Join(out, folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, strings.ToLower(word)+"_"+version+".json"), text, 0o644)
}

// collect finds every definition that a schema refers to.
func collect(schema any, strict, used map[string]object) {
	switch schema := schema.(type) {
	case []any:
		for _, inner := range schema {
			collect(inner, strict, used)
		}
	case object:
		if reference, ok := schema["$ref"].(string); ok {
			name := reference[strings.LastIndex(reference, "/")+1:]
			if _, done := used[name]; !done {
				used[name] = strict[name]
				collect(strict[name], strict, used)
			}
		}
		for _, inner := range schema {
			collect(inner, strict, used)
		}
	}
}
