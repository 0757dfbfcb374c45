// Runs JUnit 4 classes and writes a line for each test as soon as it has ended:
// `java RunTests VERDICTS CLASS[#METHOD,METHOD...]...`, where the methods are left out.

import java.io.FileWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Request;
import org.junit.runner.manipulation.Filter;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

public final class RunTests {
    private static final int SECONDS = 60;

    private final FileWriter verdicts;
    private final Set<Description> failed = new HashSet<>();
    private final Set<Description> skipped = new HashSet<>();
    private final ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
                Thread thread = new Thread(task, "clock");
                thread.setDaemon(true);
                return thread;
            });
    private ScheduledFuture<?> hangs;

    private RunTests(String file) throws IOException {
        verdicts = new FileWriter(file, true);
    }

    private synchronized void write(String verdict, Description test) {
        try {
            verdicts.write(verdict + "\t" + test.getTestClass().getName() + "#" + test.getMethodName() + "\n");
            verdicts.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private final class Listener extends RunListener {
        @Override
        public void testStarted(Description test) {
            System.out.println("RUN " + test);
            hangs = clock.schedule(() -> hung(test), SECONDS, TimeUnit.SECONDS);
        }

        @Override
        public void testFailure(Failure failure) {
            System.out.println("FAILED " + failure.getDescription() + "\n" + failure.getTrace());
            // Before and after a class there is no method to name.
            if (failure.getDescription().isTest()) {
                failed.add(failure.getDescription());
            }
        }

        @Override
        public void testAssumptionFailure(Failure failure) {
            skipped.add(failure.getDescription());
        }

        @Override
        public void testIgnored(Description test) {
            write("skip", test);
        }

        @Override
        public void testFinished(Description test) {
            hangs.cancel(false);
            write(failed.contains(test) ? "fail" : skipped.contains(test) ? "skip" : "pass", test);
        }
    }

    // Threads that wait for a broker's answer cannot be ended: the rest of the class goes with it.
    private void hung(Description test) {
        System.out.println("HANGS " + test);
        for (var thread : Thread.getAllStackTraces().entrySet()) {
            System.out.println(thread.getKey());
            for (StackTraceElement frame : thread.getValue()) {
                System.out.println("    at " + frame);
            }
        }
        write("fail", test);
        Runtime.getRuntime().halt(1);
    }

    private void run(String argument) throws ClassNotFoundException {
        String[] parts = argument.split("#");
        Set<String> without = parts.length > 1 ? Set.of(parts[1].split(",")) : Set.of();
        Filter filter =
            new Filter() {
                @Override
                public boolean shouldRun(Description test) {
                    return test.isSuite() || !without.contains(test.getMethodName());
                }

                @Override
                public String describe() {
                    return "without " + without;
                }
            };
        JUnitCore core = new JUnitCore();
        core.addListener(new Listener());
        core.run(Request.aClass(Class.forName(parts[0])).filterWith(filter));
    }

    public static void main(String[] arguments) throws Exception {
        RunTests tests = new RunTests(arguments[0]);
        for (int at = 1; at < arguments.length; at++) {
            tests.run(arguments[at]);
        }
        System.exit(0);
    }
}
