package audit

import (
	"encoding/json"
	"io"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// The types below are the part of SARIF 2.1.0 (OASIS) that findings need.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string       `json:"id"`
	ShortDescription sarifMessage `json:"shortDescription"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifMessage    `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
}

// levels are the words of SARIF for severities.
var levels = map[finding.Severity]string{
	finding.Error: "error", finding.Warning: "warning", finding.Info: "note",
}

// WriteSARIF writes the findings for tools that read SARIF, such as code scanning of forges.
func (r *Report) WriteSARIF(w io.Writer) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name:           "tenantguard",
			InformationURI: "https://github.com/tenantguard/tenantguard/blob/main/docs/command.md",
			Rules:          []sarifRule{},
		}},
		Results: []sarifResult{},
	}
	said := map[string]bool{}
	for _, f := range r.Findings {
		said[f.ID] = true
		run.Results = append(run.Results, sarifOf(f))
	}
	for _, kind := range finding.Kinds() {
		if said[kind.ID] {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
				ID: kind.ID, ShortDescription: sarifMessage{Text: sentence(kind.Meaning)},
			})
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")

	return encoder.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func sarifOf(f finding.Finding) sarifResult {
	location := sarifLocation{Logical: []sarifLogical{{FullyQualifiedName: f.Subject}}}
	if f.Where != "" {
		location.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: f.Where}}
	}
	message := f.Subject + ": " + f.Message + " " + f.Do
	if f.Fix != "" {
		message += "\n\n" + f.Fix
	}

	return sarifResult{
		RuleID: f.ID, Level: levels[f.Severity], Message: sarifMessage{Text: message},
		Locations: []sarifLocation{location},
	}
}
