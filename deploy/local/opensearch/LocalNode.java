import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.apache.lucene.analysis.Analyzer;
import org.opensearch.Version;
import org.opensearch.analysis.common.CommonAnalysisModulePlugin;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.index.analysis.AnalyzerProvider;
import org.opensearch.index.analysis.PreBuiltAnalyzerProviderFactory;
import org.opensearch.index.analysis.PreConfiguredTokenizer;
import org.opensearch.index.analysis.TokenizerFactory;
import org.opensearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/**
 * One OpenSearch node, with its modules taken from the class path, for local
 * work and tests. It reads config/opensearch.yml and config/log4j2.properties
 * under the home folder given as the only argument. No security plugin: bind
 * it to loopback only.
 */
public final class LocalNode extends Node {

    private static final String PAINLESS = "org.opensearch.painless.PainlessModulePlugin";

    private static final List<PluginInfo> MODULES = List.of(
        module("org.opensearch.transport.Netty4ModulePlugin", List.of()),
        module(PAINLESS, List.of()),
        module(Analysis.class.getName(), List.of(PAINLESS)),
        module("org.opensearch.index.mapper.MapperExtrasModulePlugin", List.of()),
        module("org.opensearch.index.reindex.ReindexModulePlugin", List.of())
    );

    /**
     * The common analyzers without the Thai one: every new index makes all of
     * them, and small Java runtimes have no rules for where Thai words end.
     */
    public static final class Analysis extends CommonAnalysisModulePlugin {

        private static final String THAI = "thai";

        @Override
        public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
            Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> analyzers = new TreeMap<>(super.getAnalyzers());
            analyzers.remove(THAI);
            return analyzers;
        }

        @Override
        public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
            Map<String, AnalysisProvider<TokenizerFactory>> tokenizers = new TreeMap<>(super.getTokenizers());
            tokenizers.remove(THAI);
            return tokenizers;
        }

        @Override
        public List<PreBuiltAnalyzerProviderFactory> getPreBuiltAnalyzerProviderFactories() {
            return super.getPreBuiltAnalyzerProviderFactories().stream().filter(one -> !one.getName().equals(THAI)).toList();
        }

        @Override
        public List<PreConfiguredTokenizer> getPreConfiguredTokenizers() {
            return super.getPreConfiguredTokenizers().stream().filter(one -> !one.getName().equals(THAI)).toList();
        }
    }

    private static PluginInfo module(String className, List<String> extended) {
        String java = Integer.toString(Runtime.version().feature());
        return new PluginInfo(className, "class path module", "NA", Version.CURRENT, java, className, extended, false);
    }

    private LocalNode(Environment environment) {
        super(environment, MODULES, true);
    }

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath().normalize();
        Settings settings = Settings.builder().put("path.home", home).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), home.resolve("config"), () -> "local");
        LogConfigurator.setNodeName("local");
        LogConfigurator.configure(environment);

        LocalNode node = new LocalNode(environment);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
                node.awaitClose(20, java.util.concurrent.TimeUnit.SECONDS);
            } catch (Exception e) {
                e.printStackTrace();
            } finally {
                stopped.countDown();
            }
        }, "close-node"));
        node.start();
        stopped.await();
    }
}
