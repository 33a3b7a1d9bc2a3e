// Command reach says who reaches whom under network policies, without a cluster: what the policies mean, not whether a
// network plugin obeys them. It reads one document from its standard input and answers its questions in their order.
//
// A namespace has the label kubernetes.io/metadata.name, as on a cluster, where the API server sets it.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// document is what is asked, in JSON or YAML.
type document struct {
	Policies []*networking.NetworkPolicy `json:"policies"`
	// Labels of each namespace, by its name.
	Namespaces map[string]map[string]string `json:"namespaces"`
	Pods       map[string]pod               `json:"pods"`
	Questions  []question                   `json:"questions"`
}

type pod struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	IP        string            `json:"ip"`
}

// question has at each end the name of a pod, or an address outside the pods' network.
type question struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Port     int           `json:"port"`
	Protocol core.Protocol `json:"protocol"`
}

// answer says by which directions a connection is denied: "egress" by the policies of its source, "ingress" by those of
// its destination. It is allowed if by none.
type answer struct {
	Allowed  bool     `json:"allowed"`
	DeniedBy []string `json:"deniedBy"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reach:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var asked document
	if err := yaml.UnmarshalStrict(text, &asked); err != nil {
		return err
	}
	policies := matcher.BuildNetworkPolicies(false, asked.Policies)
	answers := make([]answer, 0, len(asked.Questions))
	for _, question := range asked.Questions {
		traffic, err := asked.traffic(question)
		if err != nil {
			return fmt.Errorf("from %s to %s: %w", question.From, question.To, err)
		}
		result := policies.IsTrafficAllowed(traffic)
		denied := []string{}
		if !result.Egress.IsAllowed() {
			denied = append(denied, "egress")
		}
		if !result.Ingress.IsAllowed() {
			denied = append(denied, "ingress")
		}
		answers = append(answers, answer{Allowed: result.IsAllowed(), DeniedBy: denied})
	}
	return json.NewEncoder(out).Encode(answers)
}

func (d *document) traffic(q question) (*matcher.Traffic, error) {
	switch q.Protocol {
	case core.ProtocolTCP, core.ProtocolUDP, core.ProtocolSCTP:
	default:
		return nil, fmt.Errorf("the protocol is %q; write TCP, UDP or SCTP", q.Protocol)
	}
	from, err := d.peer(q.From)
	if err != nil {
		return nil, err
	}
	to, err := d.peer(q.To)
	if err != nil {
		return nil, err
	}
	return &matcher.Traffic{Source: from, Destination: to, ResolvedPort: q.Port, Protocol: q.Protocol}, nil
}

// peer is one end of a question. A name that is misspelt must not pass for somebody outside the cluster.
func (d *document) peer(name string) (*matcher.TrafficPeer, error) {
	pod, ok := d.Pods[name]
	if !ok {
		if net.ParseIP(name) == nil {
			return nil, fmt.Errorf("%q is neither a pod of the document nor an address", name)
		}
		return &matcher.TrafficPeer{IP: name}, nil
	}
	own, ok := d.Namespaces[pod.Namespace]
	if !ok || net.ParseIP(pod.IP) == nil {
		return nil, fmt.Errorf("the pod %q needs an address and a namespace of the document", name)
	}
	labels := map[string]string{}
	for key, value := range own {
		labels[key] = value
	}
	labels[core.LabelMetadataName] = pod.Namespace
	internal := &matcher.InternalPeer{Namespace: pod.Namespace, NamespaceLabels: labels, PodLabels: pod.Labels}
	return &matcher.TrafficPeer{Internal: internal, IP: pod.IP}, nil
}
