// Command kubernetes is a real Kubernetes control plane in one file, built from Go modules for the lab of kopnams.
//
// The first argument (or the name under which the file was called, so a link named kubectl is kubectl) chooses the
// component; everything after it goes to the component's own command.
//
// When KOPNAMS_LAB_PARENT holds a process id, the component ends itself as soon as its parent is no longer that process:
// nothing outlives a test that was killed.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client and queue metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // the build version metric
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The components. Only the chosen one's command is constructed: a second one in the same process panics when it
// registers its signal handler.
var components = map[string]func() int{
	"kube-apiserver":          component(apiserver.NewAPIServerCommand),
	"kube-controller-manager": component(controllermanager.NewControllerManagerCommand),
	"kube-scheduler":          component(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kube-proxy":              component(proxy.NewProxyCommand),
	"kubelet":                 component(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	"kubectl":                 runKubectl,
	"etcd":                    runEtcd,
}

func main() {
	name := filepath.Base(os.Args[0])
	if _, known := components[name]; !known {
		if len(os.Args) < 2 {
			usage()
		}
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	run, known := components[name]
	if !known {
		usage()
	}
	if parent := os.Getenv("KOPNAMS_LAB_PARENT"); parent != "" {
		pid, err := strconv.Atoi(parent)
		if err != nil {
			fmt.Fprintf(os.Stderr, "KOPNAMS_LAB_PARENT is not a process id: %q\n", parent)
			os.Exit(2)
		}
		go endWith(pid)
	}
	os.Exit(run())
}

func usage() {
	names := make([]string, 0, len(components))
	for name := range components {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "usage: %s <component> [arguments]\ncomponents: %v\n", filepath.Base(os.Args[0]), names)
	os.Exit(2)
}

// endWith ends this process when its parent is not, or no longer, the given one.
func endWith(parent int) {
	for os.Getppid() == parent {
		time.Sleep(250 * time.Millisecond)
	}
	fmt.Fprintf(os.Stderr, "process %d, for which this one ran, has ended\n", parent)
	os.Exit(1)
}

func component(command func() *cobra.Command) func() int {
	return func() int { return cli.Run(command()) }
}

func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints what kubectl prints and exits with kubectl's code
		return 1
	}
	return 0
}

func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}
