// Command manager runs the DeepCall operator.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	opmetrics "github.com/deepcall/deepcall-operator/internal/metrics"
)

func main() {
	if err := run(); err != nil {
		ctrl.Log.Error(err, "Manager failed")
		os.Exit(1)
	}
}

// tuneGC makes the garbage collector run twice as often as by default, unless GOGC is set. Most of the heap is the
// long-lived cache of mappings, so this saves memory for a few percent of CPU time. See docs/performance.md.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func run() error {
	var f flags
	f.bind(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	build := readBuildInfo()
	if f.version {
		_, err := fmt.Fprintln(os.Stdout, build)
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	tuneGC()
	if err := f.validate(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("load the Kubernetes client configuration: %w", err)
	}
	config.QPS = -1 // the number of workers and the API server's Priority and Fairness limit the load
	config.UserAgent = "deepcall-operator"
	served, err := startProbes(f.healthProbeBindAddress)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctrl.SetupSignalHandler())
	defer stop()
	ctrl.Log.Info("Starting manager", "version", build.version, "revision", build.revision, "go", build.goVersion)
	scope, restart, err := f.awaitScope(ctx, config)
	if err != nil || ctx.Err() != nil {
		return err
	}
	tracing, stopTracing, err := startTracing(ctx, build)
	if err != nil {
		return err
	}
	defer stopTracing()
	mgr, err := f.newManager(ctx, config, scope, tracing)
	if err != nil {
		return err
	}
	served.setReady(cachesSynced(mgr.GetCache()))
	if err := metrics.Registry.Register(opmetrics.BuildInfo(build.version, build.revision, build.goVersion)); err != nil {
		return fmt.Errorf("register the build info metric: %w", err)
	}
	go restart(f.elected(mgr), stop)
	return mgr.Start(ctx)
}

// elected returns a channel that is closed when the manager becomes the leader; nil without leader election.
func (f *flags) elected(mgr ctrl.Manager) <-chan struct{} {
	if !f.leaderElect {
		return nil
	}
	return mgr.Elected()
}

// newManager returns a manager with both controllers.
func (f *flags) newManager(ctx context.Context, config *rest.Config, scope tenancy.Scope, tracing trace.TracerProvider) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("add Kubernetes types to the scheme: %w", err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("add DeepCall types to the scheme: %w", err)
	}
	managerOptions, options := f.managerOptions(scheme, scope), f.controllerOptions(scope)
	options.Metrics, options.Tracing = metrics.Registry, tracing
	if f.leaderElect {
		lock, fence, err := f.leaderElection(config, scheme, options)
		if err != nil {
			return nil, fmt.Errorf("set up leader election: %w", err)
		}
		managerOptions.LeaderElectionResourceLockInterface, options.Fence = lock, fence
	}
	mgr, err := ctrl.NewManager(config, managerOptions)
	if err != nil {
		return nil, fmt.Errorf("create the manager: %w", err)
	}
	return mgr, controller.Setup(ctx, mgr, options)
}
