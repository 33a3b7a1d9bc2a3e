//! Every code in Latvian.

use super::Words;
use crate::policy::Reason as R;
use crate::request::read::Code;

/// What the code means, in one line.
pub(super) const fn meaning(code: Code) -> &'static str {
    match code {
        Code::YamlInvalid => "Fails nav YAML, vai arī tas ir pārāk liels vai pārāk dziļi sazarots.",
        Code::LayoutInvalid => "Fails mapē municipalities/ ir nepareizā vietā vai satur ko citu, nevis vienu savu pieprasījumu.",
        Code::Ignored => "Dokuments nav domāts platformai; tas netiek lasīts, un nekas nav jālabo.",
        Code::Refused(reason) => refused_meaning(reason),
    }
}

const fn refused_meaning(reason: R) -> &'static str {
    match reason {
        R::FieldInvalid => "Lauka trūkst, tas nav pazīstams vai tā vērtība ir nepareiza veida.",
        R::NameInvalid => "Nosaukums ir pārāk garš, satur `--` vai nav derīgs DNS vārds.",
        R::CodeInvalid => "ATVK kods nav septiņi cipari.",
        R::ZoneInvalid => "Zona nav DNS vārds.",
        R::PeerInvalid => "Tīkla galamērķis nav ne adrešu apgabals, ne podi nosauktā nosaukumvietā.",
        R::PlatformNameInvalid => "Objekta Platform nosaukums nav `platform`.",
        R::QuantityInvalid => "Daudzums ir negatīvs, bez mērvienības vai pārāk liels.",
        R::MemberNotAllowed => "Kā dalībnieks norādīta paša Kubernetes grupa.",
        R::SlugReserved => "Pašvaldības īsais nosaukums pieder klasterim, vai arī platforma to ir rezervējusi.",
        R::CodeTaken => "Šāds ATVK kods jau ir citai pašvaldībai.",
        R::ZoneOverlap => "Zona pārklājas ar citas pašvaldības zonu.",
        R::AllotmentBelowGranted => "Pašvaldībai atvēlēts mazāk, nekā jau ir piešķirts.",
        R::RankTaken => "Šāds rangs jau ir citai datu klasei.",
        R::ParametersSchemaInvalid => "Kataloga ieraksta parametri nav objekta JSON shēma.",
        R::EgressUnknown => "Kataloga ierakstā nosaukts galamērķis, kāda platformai nav.",
        R::VersionRepeated => "Kataloga ierakstā divām versijām ir vienāds nosaukums.",
        R::ObjectNotAllowed => "Kataloga ierakstā ir objekts vai lauks, kāda tur nedrīkst būt.",
        R::ExpressionInvalid => "Izteiksmi kataloga ierakstā nevar nolasīt, vai arī tā ir vietā, kur nedrīkst būt.",
        R::ImageNotPinned => "Kataloga ieraksta attēls nav norādīts ar kontrolsummu.",
        R::RouteInvalid => "Kataloga ieraksta maršruts nekur neved vai ved pie tā, kas nepasaka, kad ir gatavs.",
        R::SizeTooSmall => "Kataloga ieraksta objekti neietilpst vienā no tā izmēriem.",
        R::MaintainerUnknown => "Kataloga ieraksta uzturētājs nav ne `platform`, ne pašvaldība.",
        R::ObjectUnreadable => "Objektu klasterī šī programmas versija nevar nolasīt.",
        R::NotAHomeNamespace => "Pieprasījums nav pašvaldības mājas nosaukumvietā.",
        R::MunicipalityTerminating => "Pašvaldība tiek noņemta no platformas.",
        R::MunicipalityRefused => "Pati pašvaldība ir atteikta.",
        R::SystemUnknown => "Katalogā šādas sistēmas nav.",
        R::SystemBroken => "Kļūda ir pašā kataloga ierakstā.",
        R::VersionUnknown => "Sistēmai šādas versijas nav.",
        R::SizeUnknown => "Sistēmai šāda izmēra nav.",
        R::DataClassUnknown => "Šādas datu klases nav.",
        R::DataClassBroken => "Kļūda ir pašā datu klasē.",
        R::DataClassLowered => "Pieprasīta vājāka datu klase, nekā noteikts sistēmai.",
        R::ParametersInvalid => "Parametri neatbilst sistēmas shēmai.",
        R::StorageShrinks => "Pieprasīta mazāka krātuve, nekā lietotnei jau ir, bet sējumu samazināt nevar.",
        R::DowngradeRefused => "Pieprasīta versija, kas nevar nolasīt pašreizējās versijas datus.",
        R::BackupInvalid => "Rezerves kopiju iestatījumi ir pretrunīgi vai uzrakstīti tā, ka tos nevar izpildīt.",
        R::RequirementMissing => "Pieprasījumā trūkst ziņu, kuras prasa datu klase.",
        R::HostnameInvalid => "Adrese nav precīzs DNS vārds ar mazajiem burtiem.",
        R::HostnameOutsideZones => "Adrese ir ārpus pašvaldības zonām.",
        R::HostnameTaken => "Šo adresi jau izmanto cita lietotne.",
        R::AllotmentExceeded => "Lietotne neietilpst pašvaldībai atvēlēto resursu atlikumā.",
        R::NamespaceConflict => "Šāda nosaukumvieta jau ir, un to nav izveidojusi platforma.",
        R::DeedKeyLost => "Trūkst atslēgas, ar ko platforma pierāda savas nosaukumvietas, tāpēc neviena netiek rakstīta.",
        R::RemovalHeld => "Vienlaikus tiek noņemtas pārāk daudzu pašvaldību lietotnes; tas jāapstiprina platformas administratoram.",
        R::AppsRemain => "Pašvaldību nevar noņemt, kamēr tai ir lietotnes.",
    }
}

/// Why the code is as it is, and how to mend what it complains about.
pub(super) const fn words(code: Code) -> Words {
    match code {
        Code::YamlInvalid => Words {
            why: "Kas failā nav nolasāms, to neviens nemēģina uzminēt: puse pieprasījuma būtu cits pieprasījums. Failam jābūt UTF-8 tekstam YAML vai JSON formātā, ne lielākam par 4 MiB.",
            mend: "Apskatiet norādīto rindu un rindu virs tās: varbūt nav aizvērtas pēdiņas vai iekava, trūkst kola vai atstarpju vietā ir tabulators. Kas failā ir zem šīs vietas, nav nolasīts.",
        },
        Code::LayoutInvalid => Words {
            why: "Pieprasījumu repozitorijā no mapes ir atkarīgs, kas ko drīkst mainīt. Tāpēc failā `municipalities/<īsais nosaukums>/<lietotne>.yaml` ir tieši viens pieprasījums — šīs pašvaldības un ar šo nosaukumu — un nekā cita tur nav.",
            mend: "Nosauciet failu tā, kā rakstīts laukā metadata.name, ielieciet to laukā metadata.namespace minētajā mapē, un katram pieprasījumam veidojiet savu failu. Visu pārējo pārvietojiet ārpus municipalities/.",
        },
        Code::Ignored => Words {
            why: "Blakus pieprasījumiem mēdz būt citu programmu faili. Tiek lasīti tikai kopnams.lv objekti.",
            mend: "Nekas nav jālabo. Ja dokuments bija domāts kā pieprasījums, salīdziniet laukus apiVersion un kind ar paraugu lapā docs/municipalities.md.",
        },
        Code::Refused(reason) => refused(reason),
    }
}

#[allow(clippy::too_many_lines, reason = "a few lines for each code")]
#[rustfmt::skip]
const fn refused(reason: R) -> Words {
    match reason {
        R::FieldInvalid => Words {
            why: "Nepazīstams lauks citādi klusi pazustu, un vārdi kā no, on vai 0123 bez pēdiņām netiek lasīti kā teksts. Tāpēc tiek atteikts viss, kas nav precīzi saprotams.",
            mend: "Salīdziniet lauka nosaukumu ar tiem, kas uzskaitīti ziņojumā, tekstu, kas izskatās pēc skaitļa vai apstiprinājuma, rakstiet pēdiņās, un izdzēsiet to, kam pieprasījumā nav vietas, piemēram, attēlu.",
        },
        R::NameInvalid => Words {
            why: "Nosaukumvietas sauc pašvaldība--lietotne, un no nosaukumiem veido adreses, tāpēc nosaukums ir DNS vārds bez divām defisēm pēc kārtas. Lietotnes nosaukumā ir ne vairāk kā 31 rakstzīme, pašvaldības — 30. Nosaukumi, kas sākas ar drill-, paredzēti rezerves kopiju pārbaudēm.",
            mend: "Rakstiet mazos burtus bez garumzīmēm un mīkstinājuma zīmēm, ciparus un atsevišķas defises; pirmā un pēdējā rakstzīme ir burts vai cipars.",
        },
        R::CodeInvalid => Words {
            why: "ATVK kods pasaka, kura pašvaldība valsts klasifikatorā ir domāta. Tam ir septiņi cipari, un arī nulles sākumā ir daļa no koda.",
            mend: "Rakstiet visus septiņus ciparus pēdiņās. Bez pēdiņām YAML tos uzskata par skaitli, un nulles pazūd.",
        },
        R::ZoneInvalid => Words {
            why: "Zona dod pašvaldībai visas adreses tajā, tāpēc tā ir precīzs vārds. Zvaigznīte neko nepievienotu.",
            mend: "Rakstiet domēnu ar mazajiem burtiem, bez zvaigznītes un bez punkta beigās; burtus ar diakritiskajām zīmēm — xn-- formā.",
        },
        R::PeerInvalid => Words {
            why: "No galamērķiem veido tīkla noteikumus. Neprecīzs galamērķis atvērtu vairāk, nekā bija domāts.",
            mend: "Rakstiet vai nu cidr ar adresi un prefiksa garumu (vienai adresei /32), vai namespace kopā ar podLabels. Nekad abus.",
        },
        R::PlatformNameInvalid => Words {
            why: "Klasterī ir viens objekts Platform, lai uz jautājumu, ko platforma atļauj, būtu viena atbilde. Tiek lasīts tikai tas, kam ir šāds nosaukums.",
            mend: "Rakstiet metadata.name: platform un visu turiet šajā vienā objektā.",
        },
        R::QuantityInvalid => Words {
            why: "Izmēri un atvēlētie resursi tiek saskaitīti, tāpēc daudzumam jābūt precīzam. Atmiņa bez mērvienības būtu baiti, un skaitlis ar pakāpi var būt neaptverams.",
            mend: "Procesoru rakstiet kodolos vai to tūkstošdaļās (\"2\", 250m), atmiņu un krātuvi — ar Mi, Gi vai Ti (512Mi, 20Gi).",
        },
        R::MemberNotAllowed => Words {
            why: "Grupas, kuru nosaukums sākas ar system:, pieder Kubernetes; dažas no tām klasterī drīkst visu. Pašvaldība caur tām nekad nedrīkst iegūt tiesības.",
            mend: "Nosauciet savas lietotāju pārvaldības sistēmas grupu, piemēram, pašvaldības IT darbinieku grupu.",
        },
        R::SlugReserved => Words {
            why: "Īsais nosaukums kļūst par nosaukumvietu. Paša klastera nosaukumus un tos, kas platformā uzskaitīti laukā reservedSlugs, varētu sajaukt ar ko citu.",
            mend: "Izvēlieties pašvaldības pašas īso nosaukumu.",
        },
        R::CodeTaken => Words {
            why: "Vienai pašvaldībai būtu divas mājas, un neviens nevarētu pateikt, kuri atvēlētie resursi ir spēkā. Kods paliek tai, kura bija pirmā.",
            mend: "Rakstiet pašas pašvaldības ATVK kodu. Ja nepareizs ir otrs ieraksts, vispirms izlabojiet to.",
        },
        R::ZoneOverlap => Words {
            why: "Katrai adresei jāpieder tieši vienai pašvaldībai. Zona citas pašvaldības zonā ļautu pārņemt tās adreses.",
            mend: "Rakstiet domēnu, kas nav ne tāds pats kā citas pašvaldības zona, ne tajā, ne ap to.",
        },
        R::AllotmentBelowGranted => Words {
            why: "Atvēlēto drīkst samazināt jebkurā brīdī, bet nekas, kas darbojas, tāpēc netiek atņemts. Kamēr summa atkal neiekļaujas, nekas jauns vai lielāks netiek piešķirts.",
            mend: "Palieliniet atvēlēto vismaz līdz tam, kas piešķirts, vai arī pašvaldībai jānoņem lietotnes vai jāizvēlas mazāki izmēri.",
        },
        R::RankTaken => Words {
            why: "Rangs pasaka, kura no divām datu klasēm ir stingrāka. Ja divām klasēm ir vienāds rangs, nevar zināt, vai pieprasījums aizsardzību mazina.",
            mend: "Dodiet klasei rangu, kāda nav nevienai citai: jo lielāks, jo stingrāk.",
        },
        R::ParametersSchemaInvalid => Words {
            why: "Pēc šīs shēmas pārbauda katra pieprasījuma parametrus, un no tās veido pieprasījuma veidlapu. Tāpēc tai jābūt derīgai JSON shēmai, kas apraksta objektu.",
            mend: "Rakstiet type: object ar properties, katram laukam ar tipu, ko JSON Schema pazīst. Ja ierakstam parametru nav, šo lauku izlaidiet.",
        },
        R::EgressUnknown => Words {
            why: "Lietotne ārpusē sasniedz tikai to, kas nosaukts tās ierakstā. Kurp nosaukums ved, nosaka platforma, tāpēc tai nosaukums jāzina.",
            mend: "Izmantojiet kādu no platformas galamērķiem vai lūdziet platformas administratoru pievienot jauno laukā spec.egress.",
        },
        R::VersionRepeated => Words {
            why: "Pieprasījums un ieviešana versiju sauc vārdā. Ja divām ir vienāds nosaukums, tā būtu nejaušība, kura darbojas.",
            mend: "Dodiet katrai versijai savu nosaukumu vai izdzēsiet to, kas vairs nav vajadzīga.",
        },
        R::ObjectNotAllowed => Words {
            why: "No kā ieraksts drīkst sastāvēt, nosaka objektu veidu un lauku saraksts, kas lietotnes nošķir citu no citas un no mezgliem. Mezgla tīkla vai failu, plašāku tiesību un objektu citās nosaukumvietās tajā nav.",
            mend: "Izlaidiet lauku vai objektu, kas minēts ziņojumā. Kas ierakstā drīkst būt, uzskaitīts lapā docs/catalogue.md.",
        },
        R::ExpressionInvalid => Words {
            why: "Izteiksmes aprēķina ar to, kas rakstīts pieprasījumā. Parametrs skriptā vai garākā tekstā varētu kļūt par kodu, tāpēc tas drīkst būt tikai tur, kur paliek vērtība.",
            mend: "Izmantojiet app, images, municipality, parameters, secrets, size vai system. Parametru nododiet kā visu vides mainīgā vērtību, un programma lai to nolasa no turienes.",
        },
        R::ImageNotPinned => Words {
            why: "Birka rīt var būt cits attēls. Tikai kontrolsumma nodrošina, ka visās pašvaldībās darbojas tas, kas izmēģināts.",
            mend: "Rakstiet attēlu kā registry/name@sha256:… ar izmēģinātā attēla kontrolsummu.",
        },
        R::RouteInvalid => Words {
            why: "Lietotnes adrese ved pie viena no tās pakalpojumu (Service) portiem, un cilvēkus turp laiž tikai tad, kad konteiners pasaka, ka ir gatavs. Citādi viņi redzētu kļūdas katrā palaišanā un atjaunināšanā.",
            mend: "Nosauciet Service un vienu no tā portiem, un konteineram aiz tā pievienojiet readinessProbe.",
        },
        R::SizeTooSmall => Words {
            why: "Izmērs kļūst par lietotnes nosaukumvietas kvotu. Ieraksts, kas tajā neietilpst, nekad nesāktu darboties.",
            mend: "Palieliniet izmēra skaitļus vai samaziniet to, ko prasa konteineri un sējumi.",
        },
        R::MaintainerUnknown => Words {
            why: "Par sistēmu kādam jāatbild: jāmaina tās ieraksts, jāseko drošības paziņojumiem, jālemj par versijām. Tā ir vai nu platforma, vai pašvaldība, kas sistēmu uztur arī pārējām.",
            mend: "Rakstiet platform vai tādas pašvaldības īso nosaukumu, kura ir starp failiem.",
        },
        R::ObjectUnreadable => Words {
            why: "Objektu rakstījusi cita programmas versija vai kāds ar roku, un šī versija to nesaprot. Tas paliek, kāds ir, un no tā nekas netiek izlemts.",
            mend: "Salīdziniet objektu ar šīs versijas definīcijām mapē crds/ vai atgriezieties pie versijas, kas to rakstīja. Pa to laiku nekas netiek dzēsts.",
        },
        R::NotAHomeNamespace => Words {
            why: "Pieprasījums pieder pašvaldībai, kuras mājas nosaukumvietā tas ir. Citā nosaukumvietā tas nepieder nevienam.",
            mend: "Laukā metadata.namespace rakstiet pašvaldības īso nosaukumu, piemēram, kuldigas-novads. Jauna pašvaldība vispirms jāpievieno platformas administratoram.",
        },
        R::MunicipalityTerminating => Words {
            why: "Pašvaldība ir dzēsta un aiziet. Kas tai ir, tiek kārtīgi nodots; viss jaunais būtu tūlīt jānoņem.",
            mend: "Pagaidiet, līdz tā ir noņemta, un lūdziet to pievienot no jauna, vai arī pieprasiet lietotni pašvaldībā, kas pārņem funkcijas.",
        },
        R::MunicipalityRefused => Words {
            why: "Kļūda ir pašas pašvaldības ierakstā, tāpēc tai vēl nav mājas, kurā kaut ko izveidot. Kas jau darbojas, netiek aiztikts.",
            mend: "Platformas administrators izlabo objektu Municipality. Pats pieprasījums var palikt, kāds ir.",
        },
        R::SystemUnknown => Words {
            why: "Pieprasīt var tikai kataloga sistēmas: tās kāds uztur, un ir zināms, kas tām vajadzīgs.",
            mend: "Rakstiet kādu no nosaukumiem, kas uzskaitīti ziņojumā. Ja sistēmas trūkst, lūdziet platformas administratorus to pievienot katalogam.",
        },
        R::SystemBroken => Words {
            why: "No kataloga ieraksta, kurā pašā ir kļūda, nekas netiek veidots. Lietotnes, kas darbojas, patur to, kas tām piešķirts.",
            mend: "Ieraksta uzturētājs izlabo objektu HostedSystem. Pats pieprasījums var palikt, kāds ir.",
        },
        R::VersionUnknown => Words {
            why: "Darboties var tikai versijas, kas aprakstītas kataloga ierakstā.",
            mend: "Rakstiet kādu no ziņojumā uzskaitītajām versijām, pēdiņās. Vai arī izlaidiet lauku version, un lietotne sekos versijai, ko iesaka katalogs.",
        },
        R::SizeUnknown => Words {
            why: "Izmērus nosaka katalogs, lai jau iepriekš būtu zināms, cik no atvēlētā tie aizņem.",
            mend: "Rakstiet kādu no ziņojumā uzskaitītajiem izmēriem. Vai arī izlaidiet lauku size, un lietotne saņems parasto.",
        },
        R::DataClassUnknown => Words {
            why: "Datu klase nosaka, kā dati ir aizsargāti, cik ilgi tos glabā un kādas ziņas jānorāda. Nepazīstamas klases datus nevarētu pienācīgi aizsargāt.",
            mend: "Rakstiet kādu no ziņojumā uzskaitītajām klasēm. Vai arī izlaidiet lauku dataClass, un spēkā būs sistēmas klase.",
        },
        R::DataClassBroken => Words {
            why: "Kļūda ir pašā datu klasē, tāpēc neviens nevar pateikt, ko tā prasa. Lietotnes, kas darbojas, patur to, kas tām piešķirts.",
            mend: "Platformas administrators izlabo objektu DataClass. Pats pieprasījums var palikt, kāds ir.",
        },
        R::DataClassLowered => Words {
            why: "Kādus datus sistēma glabā, nosaka katalogs. Pieprasījums tos drīkst aizsargāt labāk, bet nekad vājāk.",
            mend: "Izlaidiet lauku dataClass vai rakstiet stingrāku klasi. Norādiet, ko šī klase prasa, piemēram, tiesisko pamatu.",
        },
        R::ParametersInvalid => Words {
            why: "Sistēmas pašas iestatījumus pārbauda, pirms kaut ko veido, jo nepareizs iestatījums citādi atklātos tikai tad, kad sistēma nesāk darboties.",
            mend: "Ziņojumā ir minēts iestatījums un kataloga noteikums. Pievienojiet, kā trūkst, izdzēsiet nepazīstamo un ievērojiet robežas.",
        },
        R::StorageShrinks => Words {
            why: "Sējums var augt, bet to nevar samazināt, neveidojot no jauna, un tad dati pazustu.",
            mend: "Paturiet izmēru vai izvēlieties tādu, kurā krātuves nav mazāk. Lai samazinātu, pieprasiet jaunu lietotni ar lauku restoreFrom.",
        },
        R::DowngradeRefused => Words {
            why: "Versija, kas darbojas, ir mainījusi datu uzbūvi, un vecākā tos vairs nevar nolasīt.",
            mend: "Palieciet pie jaunākās versijas. Lai atgrieztos, pieprasiet jaunu vecākās versijas lietotni ar lauku restoreFrom un kopiju no laika pirms atjaunināšanas.",
        },
        R::BackupInvalid => Words {
            why: "Pretrunīgi iestatījumi nozīmētu, ka kopijas nav vai ka to izdzēš par agru. Tāpēc tie tiek atteikti, un neviens nemēģina uzminēt, kas bija domāts.",
            mend: "Ziņojumā teikts, kuri divi iestatījumi ir pretrunā vai kā vērtība rakstāma. Atjaunošanai norādiet vai nu set, vai before, ne abus; augšējā robeža ir lielāka par apakšējo.",
        },
        R::RequirementMissing => Words {
            why: "Kas apstrādā šādus datus, tam vajadzīgs tiesiskais pamats, īpašu kategoriju datiem — arī ietekmes novērtējums. Tas ir rakstīts pieprasījumā, lai ikviens, kas pārbauda, to atrod.",
            mend: "Pievienojiet processing.legalBasis ar likumu un pantu un, ja klase to prasa, processing.dpia ar numuru un datumu. Cilvēku vārdi tur nedrīkst būt.",
        },
        R::HostnameInvalid => Words {
            why: "Tiek aizņemta viena adrese, tieši tāda, kādu to raksta pārlūks. Ar lielajiem burtiem vai zvaigznīti divi pieprasījumi varētu attiekties uz vienu adresi, un neviens to neredzētu.",
            mend: "Rakstiet pilnu vārdu ar mazajiem burtiem, bez zvaigznītes un bez https://; burtus ar diakritiskajām zīmēm — xn-- formā.",
        },
        R::HostnameOutsideZones => Words {
            why: "Pašvaldība drīkst izmantot tikai adreses savā domēnā, lai neviens nepaņem citas pašvaldības adresi.",
            mend: "Izvēlieties vārdu, kas beidzas ar punktu un kādu no ziņojumā uzskaitītajām zonām. Ja domēns ir jūsu, bet sarakstā tā nav, lūdziet platformas administratorus to pievienot.",
        },
        R::HostnameTaken => Words {
            why: "Adrese ved pie vienas lietotnes. Tā paliek lietotnei, kurai bija pirmajai; no diviem jauniem pieprasījumiem to iegūst agrākais, bet no vienlaicīgiem — pirmais pēc nosaukuma.",
            mend: "Izvēlieties citu adresi vai noņemiet to lietotnei, kas minēta ziņojumā, un pēc tam pieprasiet vēlreiz.",
        },
        R::AllotmentExceeded => Words {
            why: "Cik pašvaldība drīkst izmantot, ir ierobežots, lai pietiek visām. Jaunu vai lielāku lietotni piešķir tikai tad, ja tā ietilpst visa.",
            mend: "Izvēlieties mazāku izmēru, noņemiet lietotni, kas vairs nav vajadzīga, vai lūdziet platformas administratoriem vairāk. Ziņojumā teikts, kā pietrūkst un kuras lietotnes aizņem visvairāk.",
        },
        R::NamespaceConflict => Words {
            why: "Šāda nosaukumvieta bija jau agrāk, un platforma nevar pierādīt, ka tā ir tās pašas. Ko platforma nav izveidojusi, to tā neaiztiek.",
            mend: "Izvēlieties lietotnei citu nosaukumu vai lūdziet platformas administratoru šo nosaukumvietu noņemt, ja tā nevienam nav vajadzīga.",
        },
        R::DeedKeyLost => Words {
            why: "Ar šo atslēgu platforma pierāda, kuras nosaukumvietas ir tās pašas. Tādas ir, bet atslēgas nav, un ar jaunu atslēgu tās visas kļūtu svešas.",
            mend: "Platformas administrators atjauno Secret kopnams-deed-key no kopijas, kuru glabāt prasa lapa docs/admins.md. Lietotnes pa to laiku darbojas.",
        },
        R::RemovalHeld => Words {
            why: "Ja dažu minūšu laikā lietotnes zaudē daudzas pašvaldības, parasti tā ir kļūda: nepareiza mape vai rīks, kas dzēš to, ko neredz. Tāpēc pārējais gaida.",
            mend: "Ja tā bija kļūda, pievienojiet pieprasījumus atpakaļ. Ja tā bija domāts, platformas administrators objekta Platform anotācijā kopnams.lv/acknowledge-removals ieraksta pašreizējo laiku.",
        },
        R::AppsRemain => Words {
            why: "Kopā ar māju pašvaldība zaudētu savu lietotņu pieprasījumus. Tāpēc tā paliek, līdz vairs nav nevienas lietotnes.",
            mend: "Vispirms noņemiet pieprasījumus, pagaidiet pārdomu dienas un pēdējās rezerves kopijas; tad pašvaldība tiks noņemta pati.",
        },
    }
}
