import com.helger.as2lib.cert.CertificateFactory;
import com.helger.as2lib.client.AS2ClientRequest;
import com.helger.as2lib.crypto.ECompressionType;
import com.helger.as2lib.crypto.ECryptoAlgorithmCrypt;
import com.helger.as2lib.crypto.ECryptoAlgorithmSign;
import com.helger.as2lib.disposition.DispositionOptions;
import com.helger.as2lib.exception.AS2Exception;
import com.helger.as2lib.message.AS2Message;
import com.helger.as2lib.message.IMessage;
import com.helger.as2lib.message.IMessageMDN;
import com.helger.as2lib.partner.Partnership;
import com.helger.as2lib.partner.SelfFillingPartnershipFactory;
import com.helger.as2lib.processor.DefaultMessageProcessor;
import com.helger.as2lib.processor.module.AbstractProcessorModule;
import com.helger.as2lib.processor.receiver.net.AS2MDNReceiverHandler;
import com.helger.as2lib.processor.sender.AS2SenderModule;
import com.helger.as2lib.processor.sender.AsynchMDNSenderModule;
import com.helger.as2lib.processor.sender.IProcessorSenderModule;
import com.helger.as2lib.processor.storage.IProcessorStorageModule;
import com.helger.as2lib.session.AS2Session;
import com.helger.as2servlet.AS2ReceiveXServletHandlerConstantSession;
import com.helger.as2servlet.AS2WebAppListener;
import com.helger.as2servlet.mdn.AS2MDNReceiveXServletHandlerConstantSession;
import com.helger.as2servlet.util.AS2ServletMDNReceiverModule;
import com.helger.as2servlet.util.AS2ServletReceiverModule;
import com.helger.commons.collection.attr.StringMap;
import com.helger.commons.http.EHttpMethod;
import com.helger.mail.cte.EContentTransferEncoding;
import com.helger.xservlet.AbstractXServlet;
import com.helger.xservlet.handler.IXServletHandler;
import jakarta.activation.DataHandler;
import jakarta.activation.FileDataSource;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.server.Server;

/** Drives as2-lib and as2-servlet: receives on the loopback, and sends documents on request (see tests/peers/peer.py). */
public final class Phase2 {
  private static final PrintStream OUT = System.out;
  private static final AtomicInteger NUMBERS = new AtomicInteger();
  private static final Properties SAID = new Properties();
  private static final Map<String, BlockingQueue<Told>> RECEIPTS = new ConcurrentHashMap<>();
  private static Path folder;
  private static AS2Session session;

  private record Told(String disposition, boolean signed, String mic) {}

  public static void main(String[] arguments) throws Exception {
    folder = Path.of(System.getenv("PEER"));
    try (Reader reader = Files.newBufferedReader(folder.resolve("peer.properties"))) {
      SAID.load(reader);
    }
    session = session();
    Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(SAID.getProperty("port"))));
    ServletContextHandler context = new ServletContextHandler("/");
    context.addEventListener(new AS2WebAppListener());
    context.addServlet(DocumentEndpoint.class, "/as2");
    context.addServlet(ReceiptEndpoint.class, "/receipts");
    server.setHandler(context);
    server.start();
    OUT.println("{\"ready\": true}");
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split("\t");
      OUT.println(send(session, words[1], Path.of(words[2]), words[3]));
    }
    System.exit(0);
  }

  /** A servlet of the library without a file of configuration. It cannot be made before its context has begun. */
  private abstract static class Endpoint extends AbstractXServlet {
    Endpoint(IXServletHandler handler) {
      settings().setMultipartEnabled(false);
      handlerRegistry().registerHandler(EHttpMethod.POST, handler, false);
    }
  }

  public static final class DocumentEndpoint extends Endpoint {
    public DocumentEndpoint() {
      super(new AS2ReceiveXServletHandlerConstantSession(session));
    }
  }

  public static final class ReceiptEndpoint extends Endpoint {
    public ReceiptEndpoint() {
      super(new AS2MDNReceiveXServletHandlerConstantSession(session));
    }
  }

  private static AS2Session session() throws Exception {
    AS2Session session = new AS2Session();
    CertificateFactory certificates = new CertificateFactory();
    StringMap parameters = new StringMap();
    parameters.putIn("type", "pkcs12");
    certificates.initDynamicComponent(session, parameters);
    certificates.setSaveChangesToFile(false);
    certificates.setPassword(SAID.getProperty("password"));
    certificates.load(certificates(), SAID.getProperty("password").toCharArray());
    session.setCertificateFactory(certificates);
    SelfFillingPartnershipFactory partnerships = new SelfFillingPartnershipFactory() {
      @Override
      protected void onBeforeAddPartnership(Partnership partnership) throws AS2Exception {
        partnership.setSenderX509Alias(alias(partnership.getSenderAS2ID()));
        partnership.setReceiverX509Alias(alias(partnership.getReceiverAS2ID()));
        super.onBeforeAddPartnership(partnership);
      }
    };
    partnerships.initDynamicComponent(session, null);
    session.setPartnershipFactory(partnerships);
    DefaultMessageProcessor modules = new DefaultMessageProcessor();
    modules.initDynamicComponent(session, null);
    modules.setPendingMDNFolder(Files.createDirectories(folder.resolve("pending")).toString());
    modules.setPendingMDNInfoFolder(Files.createDirectories(folder.resolve("pending-info")).toString());
    session.setMessageProcessor(modules);
    for (AbstractProcessorModule module :
        Arrays.asList(new AS2ServletReceiverModule(), new Receipts(), new AsynchMDNSenderModule(), new Storage())) {
      module.initDynamicComponent(session, null);
      modules.addModule(module);
    }
    return session;
  }

  private static String alias(String name) {
    return name.equals(SAID.getProperty("gateway")) ? "gateway" : "own";
  }

  private static InputStream certificates() throws Exception {
    char[] password = SAID.getProperty("password").toCharArray();
    KeyStore given = KeyStore.getInstance("PKCS12");
    try (InputStream file = Files.newInputStream(folder.resolve("own.p12"))) {
      given.load(file, password);
    }
    String first = given.aliases().nextElement();
    KeyStore made = KeyStore.getInstance("PKCS12");
    made.load(null, password);
    PrivateKey key = (PrivateKey) given.getKey(first, password);
    made.setKeyEntry("own", key, password, new Certificate[] {given.getCertificate(first)});
    try (InputStream file = Files.newInputStream(folder.resolve("gateway.cert.pem"))) {
      made.setCertificateEntry("gateway", java.security.cert.CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    made.store(written, password);
    return new ByteArrayInputStream(written.toByteArray());
  }

  /** What it delivers goes where the tests look. */
  private static final class Storage extends AbstractProcessorModule {
    @Override
    public boolean canHandle(String action, IMessage message, Map<String, Object> options) {
      return action.equals(IProcessorStorageModule.DO_STORE);
    }

    @Override
    public void handle(String action, IMessage message, Map<String, Object> options) throws AS2Exception {
      String number = String.format("%04d", NUMBERS.incrementAndGet());
      Path received = folder.resolve("received");
      try (InputStream content = message.getData().getInputStream()) {
        Files.copy(content, received.resolve(number + ".bin"));
        String name = message.getData().getFileName();
        Path told = received.resolve(number + ".tmp");
        Files.writeString(told, json("to", message.getAS2To(), "name", name == null ? "" : name));
        Files.move(told, received.resolve(number + ".json"), StandardCopyOption.ATOMIC_MOVE);
      } catch (Exception exception) {
        throw new AS2Exception("not stored", exception);
      }
    }
  }

  private static final class Receipts extends AS2ServletMDNReceiverModule {
    @Override
    public AS2MDNReceiverHandler createHandler() {
      AS2MDNReceiverHandler handler = super.createHandler();
      handler.setIncomingMDNCallback(Phase2::note);
      return handler;
    }
  }

  private static void note(
      boolean synchronous, IMessageMDN receipt, String from, String to, String disposition, String mic, String id, boolean signed, boolean matched) {
    String seen = mic == null || mic.isEmpty() ? "absent" : matched ? "equal" : "different";
    boolean isSigned = String.valueOf(receipt.getHeader("Content-Type")).startsWith("multipart/signed");
    RECEIPTS.computeIfAbsent(to, name -> new LinkedBlockingQueue<>()).add(new Told(disposition, isSigned, seen));
  }

  private static String send(AS2Session session, String form, Path path, String name) {
    try {
      AS2SenderModule sender = new AS2SenderModule();
      sender.initDynamicComponent(session, null);
      sender.setIncomingMDNCallback(Phase2::note);
      AS2Message message = message(form, path, name);
      sender.handle(IProcessorSenderModule.DO_SEND, message, new HashMap<>());
      if (said(form, "receipt").equals("none")) {
        return "{\"status\": 200}";
      }
      BlockingQueue<Told> queue = RECEIPTS.computeIfAbsent(said(form, "name"), key -> new LinkedBlockingQueue<>());
      Told told = queue.poll(30, TimeUnit.SECONDS);
      if (told == null) {
        return json("error", "no receipt came");
      }
      String answer = json("disposition", told.disposition(), "mic", told.mic());
      return answer.replace("}", ", \"status\": 200, \"signed\": " + told.signed() + "}");
    } catch (Exception exception) {
      exception.printStackTrace();
      return json("error", exception.toString());
    }
  }

  private static AS2Message message(String form, Path path, String name) throws Exception {
    AS2Message message = new AS2Message();
    message.setPartnership(partnership(form));
    message.setContentType("application/octet-stream");
    message.setSubject("a document");
    message.setMessageID(message.generateMessageID());
    message.attrs().putIn("as2_url", said(form, "gateway_url"));
    AS2ClientRequest request = new AS2ClientRequest("a document");
    request.setContentType("application/octet-stream");
    request.setData(new DataHandler(new FileDataSource(path.toFile())));
    request.setFilename(name);
    jakarta.mail.internet.MimeBodyPart part = new jakarta.mail.internet.MimeBodyPart();
    request.applyDataOntoMimeBodyPart(part);
    message.setData(part);
    return message;
  }

  private static Partnership partnership(String form) {
    Partnership partnership = new Partnership(form);
    partnership.setSenderAS2ID(said(form, "name"));
    partnership.setSenderX509Alias("own");
    partnership.setSenderEmail("p@p.example");
    partnership.setReceiverAS2ID(SAID.getProperty("gateway"));
    partnership.setReceiverX509Alias("gateway");
    partnership.setAS2URL(said(form, "gateway_url"));
    partnership.setProtocol("as2");
    EContentTransferEncoding encoding = EContentTransferEncoding.valueOf(said(form, "encoding").toUpperCase());
    partnership.setContentTransferEncodingSend(encoding);
    ECryptoAlgorithmSign digest = null;
    if (!said(form, "sign").isEmpty()) {
      String pss = Boolean.parseBoolean(said(form, "pss")) ? "rsassa-pss-" : "";
      digest = ECryptoAlgorithmSign.getFromIDOrNull(pss + said(form, "sign"));
      partnership.setSigningAlgorithm(digest);
    }
    if (!said(form, "encrypt").isEmpty()) {
      partnership.setEncryptAlgorithm(ECryptoAlgorithmCrypt.getFromIDOrNull(
          said(form, "encrypt").replace("aes-", "aes").replace("3des-cbc", "3des")));
    }
    switch (said(form, "compress")) {
      case "before-signing" -> {
        partnership.setCompressionType(ECompressionType.ZLIB);
        partnership.setCompressionModeCompressBeforeSigning();
      }
      case "after-signing" -> {
        partnership.setCompressionType(ECompressionType.ZLIB);
        partnership.setCompressionModeCompressAfterSigning();
      }
      default -> {}
    }
    if (!said(form, "receipt").equals("none")) {
      partnership.setAS2MDNTo("p@p.example");
      ECryptoAlgorithmSign asked = digest == null ? ECryptoAlgorithmSign.DIGEST_SHA_256 : digest;
      DispositionOptions options = new DispositionOptions();
      if (Boolean.parseBoolean(said(form, "receipt_signed"))) {
        options.setMICAlg(asked).setMICAlgImportance(DispositionOptions.IMPORTANCE_OPTIONAL);
        options.setProtocol(DispositionOptions.PROTOCOL_PKCS7_SIGNATURE);
        options.setProtocolImportance(DispositionOptions.IMPORTANCE_OPTIONAL);
        partnership.setAS2MDNOptions(options.getAsString());
      }
    }
    if (said(form, "receipt").equals("async")) {
      partnership.setAS2ReceiptDeliveryOption(SAID.getProperty("receipt_url"));
    }
    return partnership;
  }

  private static String said(String form, String key) {
    return SAID.getProperty(form + "." + key);
  }

  private static String json(String... pairs) {
    StringBuilder written = new StringBuilder("{");
    for (int at = 0; at < pairs.length; at += 2) {
      written.append(at == 0 ? "" : ", ").append(quoted(pairs[at])).append(": ").append(quoted(pairs[at + 1]));
    }
    return written.append("}").toString();
  }

  private static String quoted(String text) {
    String plain = text == null ? "" : text.replaceAll("[\\p{Cntrl}{}]", " ");
    return "\"" + plain.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  private Phase2() {}
}
