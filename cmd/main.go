// Command manager runs the DeepCall operator.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
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

	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("add Kubernetes types to the scheme: %w", err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("add DeepCall types to the scheme: %w", err)
	}
	managerOptions, err := f.managerOptions(scheme)
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("load the Kubernetes client configuration: %w", err)
	}
	config.QPS = -1 // the number of workers and the API server's Priority and Fairness limit the load
	config.UserAgent = "deepcall-operator"
	options, err := f.controllerOptions()
	if err != nil {
		return err
	}
	if f.leaderElect {
		managerOptions.LeaderElectionResourceLockInterface, options.Fence, err = f.leaderElection(config, scheme, options)
		if err != nil {
			return fmt.Errorf("set up leader election: %w", err)
		}
	}
	mgr, err := ctrl.NewManager(config, managerOptions)
	if err != nil {
		return fmt.Errorf("create the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := metrics.Registry.Register(opmetrics.BuildInfo(build.version, build.revision, build.goVersion)); err != nil {
		return fmt.Errorf("register the build info metric: %w", err)
	}
	ctx := ctrl.SetupSignalHandler()
	tracing, stopTracing, err := startTracing(ctx, build)
	if err != nil {
		return err
	}
	defer stopTracing()
	options.Metrics, options.Tracing = metrics.Registry, tracing
	if err := controller.Setup(ctx, mgr, options); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", cachesSynced(mgr.GetCache())); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	ctrl.Log.Info("Starting manager", "version", build.version, "revision", build.revision, "go", build.goVersion)
	return mgr.Start(ctx)
}
